# The service with its page, model files and nothing to build with. Everything that is downloaded is
# pinned: by tag here, by hash in Cargo.lock, package-lock.json, requirements.txt and embedding.toml.

FROM node:22.22.0-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY src/risk/features.rs /src/src/risk/features.rs
COPY web ./
RUN npm run build

FROM rust:1.95.0-slim-bookworm AS program
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ make python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV FLAKYDETECTOR_CACHE=/cache FLAKYDETECTOR_MODELS=/models
WORKDIR /src
COPY scripts ./scripts
COPY models/embedding.toml ./models/embedding.toml
RUN scripts/setup.sh tools models
COPY . .
COPY --from=page /src/web/dist ./web/dist
RUN . scripts/env.sh && cargo build --release --locked && cp "$CARGO_TARGET_DIR/release/flakydetector" /

FROM debian:12.12-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git libgomp1 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 flakydetector
COPY scripts/healthy.sh /usr/local/bin/healthy
COPY --from=program /flakydetector /usr/local/bin/flakydetector
COPY --from=program /models /usr/share/flakydetector/models
ENV FLAKYDETECTOR_MODELS=/usr/share/flakydetector/models
USER 10001
WORKDIR /project
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["healthy"]
ENTRYPOINT ["flakydetector"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
