// Made-up tests for work on the page without the service. Findings are placed by the code that they mark.

/** @param mark the code the finding underlines; it is looked up in the source, so positions stay right */
function finding(code, name, cause, severity, confidence, mark, message, help, more = {}) {
  return { code, name, cause, severity, confidence, mark, message, help, ...more }
}

const sleep = (mark, message, more) =>
  finding('FD101', 'sleep-as-synchronization', 'async-wait', 'critical', 0.95, mark, message,
    'wait for the condition itself, with a deadline: `await asyncio.wait_for(event.wait(), 5)`', more)
const liveRedis = (mark) =>
  finding('FD303', 'live-service-without-isolation', 'network', 'high', 0.8, mark,
    'talks to a Redis server that other tests use too',
    'give each test its own keys, or use `fakeredis.aioredis.FakeRedis`')

const TESTS = [
  {
    repo: 'tidal-cache', id: 'tests/asyncio/test_lock.py::TestLock::test_lock_expires_while_waiting', line: 112,
    teams: ['@platform/storage'], libraries: ['redis'], async: true, framework: 'pytest', risk: 0.91, confidence: 0.91,
    fixtures: ['redis', 'lock_name', 'event_loop'], causes: ['async-wait', 'network'],
    why: ['sleeps for 0.3 s instead of waiting for the lock to expire (FD101)', 'same library and fixtures: redis, asyncio', 'asserts how long it took (FD402)'],
    source: `    @pytest.mark.parametrize("timeout", [0.2, 0.5])
    async def test_lock_expires_while_waiting(self, redis, lock_name, timeout):
        """A second client gets the lock as soon as the first one's time is up.

        The holder never releases it: <b>expiry</b> is all there is.
        """
        holder = Lock(redis, lock_name, timeout=timeout)
        waiter = Lock(redis, lock_name, timeout=timeout, blocking_timeout=1.5)
        assert await holder.acquire()
        started = time.monotonic()
        task = asyncio.create_task(waiter.acquire())
        await asyncio.sleep(timeout + 0.1)  # until the first lock is gone
        assert task.done(), f"still waiting after {timeout + 0.1:.1f} s"
        assert time.monotonic() - started < timeout + 0.2
        assert await redis.get(lock_name) == waiter.local.token
        await redis.delete(lock_name)
`,
    findings: [
      sleep('await asyncio.sleep(timeout + 0.1)', 'sleeps and then hopes that the lock has expired', {
        fix: { applicability: 'unsafe', message: 'wait for the task: `await asyncio.wait_for(task, 5)`', edits: [] },
      }),
      finding('FD402', 'elapsed-time-asserted', 'time', 'high', 0.9, 'time.monotonic() - started < timeout + 0.2',
        'asserts an elapsed time with 0.1 s to spare; a busy machine takes longer',
        'assert what happened, not how fast; or bound it generously with `pytest-timeout`'),
      finding('FD103', 'task-neither-awaited-nor-cancelled', 'async-wait', 'medium', 0.7, 'asyncio.create_task(waiter.acquire())',
        'the task outlives the test where the assertion above it fails',
        'await it in the test, or use `asyncio.TaskGroup`', { via: 'TestLock.setup_method, tests/asyncio/test_lock.py:31' }),
    ],
  },
  {
    repo: 'tidal-cache', id: 'tests/asyncio/test_pubsub.py::TestPubSub::test_message_arrives_after_reconnect', line: 208,
    teams: ['@platform/storage'], libraries: ['redis'], async: true, framework: 'pytest', risk: 0.87, confidence: 0.86,
    fixtures: ['redis'], causes: ['async-wait', 'network'],
    why: ['polls without a deadline until a message comes (FD104)', 'live Redis shared with other tests (FD303)'],
    source: `    async def test_message_arrives_after_reconnect(self, redis):
        pubsub = redis.pubsub()
        await pubsub.subscribe("news")
        await redis.connection_pool.disconnect()
        await redis.publish("news", "hello")
        message = None
        while message is None:
            message = await pubsub.get_message(ignore_subscribe_messages=True)
        assert message["data"] == b"hello"
`,
    findings: [
      finding('FD104', 'polling-without-deadline', 'async-wait', 'high', 0.9, 'while message is None:',
        'polls for ever where the message was lost while disconnected',
        'bound it: `async with asyncio.timeout(5):`', { lines: 2 }),
      liveRedis('redis.pubsub()'),
    ],
  },
  {
    repo: 'harbor-queue', id: 'tests/test_worker.py::test_retry_uses_backoff', line: 44,
    teams: ['@jobs/runtime'], libraries: ['redis', 'fakeredis'], async: true, framework: 'pytest', risk: 0.74, confidence: 0.93,
    fixtures: ['queue'], causes: ['async-wait', 'time'],
    why: ['async, uses Redis, waits by sleeping (FD101)', 'compares the wall clock (FD401)'],
    source: `async def test_retry_uses_backoff(queue):
    job = await queue.put("resize", attempts=2)
    before = datetime.now()
    await asyncio.sleep(1)
    retried = await queue.get(job.id)
    assert retried.next_run - before <= timedelta(seconds=2)
`,
    findings: [
      finding('FD401', 'wall-clock-compared', 'time', 'medium', 0.85, 'datetime.now()',
        'reads the wall clock, in the local time zone', 'freeze it: `time_machine.travel(..., tick=False)`'),
      sleep('await asyncio.sleep(1)', 'sleeps for 1 s instead of waiting for the retry'),
    ],
  },
  {
    repo: 'harbor-queue', id: 'tests/test_worker.py::test_results_keep_their_order', line: 71,
    teams: ['@jobs/runtime'], libraries: ['redis'], async: true, framework: 'pytest', risk: 0.62, confidence: 0.75,
    fixtures: ['queue', 'redis'], causes: ['concurrency', 'unordered'],
    why: ['assumes the order of gathered results (FD204)'],
    source: `async def test_results_keep_their_order(queue, redis):
    names = {"one", "two", "three"}
    done = []
    await asyncio.gather(*(queue.run(name, done.append) for name in names))
    assert done == ["one", "two", "three"]
    assert await redis.llen("dead") == 0
`,
    findings: [
      finding('FD204', 'gathered-order-assumed', 'concurrency', 'high', 0.8, 'done == ["one", "two", "three"]',
        'compares a list that tasks fill as they finish', 'compare without order: `assert sorted(done) == [...]`'),
      finding('FD801', 'set-order', 'unordered', 'medium', 0.7, 'for name in names',
        'iterates over a set of strings, whose order changes with the hash seed', 'iterate over `sorted(names)`'),
    ],
  },
  {
    repo: 'ledger-api', id: 'tests/test_rates.py::RatesTest::test_rounding_of_converted_amounts', line: 19,
    teams: ['@payments/core'], libraries: ['faker'], async: false, framework: 'unittest', risk: 0.48, confidence: 0.88,
    fixtures: [], causes: ['randomness', 'structure'], basis: 'adapted',
    why: ['draws amounts without a seed (FD501)', 'compares floats exactly (FD901)'],
    source: `    def test_rounding_of_converted_amounts(self):
        amount = random.uniform(1, 1000)
        rate = self.rates["EUR"]
        self.assertEqual(convert(amount, rate) / rate, amount)
`,
    findings: [
      finding('FD501', 'unseeded-random', 'randomness', 'high', 0.9, 'random.uniform(1, 1000)',
        'draws a new amount at every run', 'seed a generator of its own: `random.Random(7).uniform(1, 1000)`',
        { fix: { applicability: 'safe', message: 'use `random.Random(7)`', edits: [] } }),
      finding('FD901', 'float-equality', 'structure', 'medium', 0.95, 'self.assertEqual(convert(amount, rate) / rate, amount)',
        'compares floats exactly', 'use `self.assertAlmostEqual`'),
    ],
  },
  {
    repo: 'ledger-api', id: 'tests/test_config.py::test_reads_the_region_from_the_environment', line: 8,
    teams: ['@payments/core', '@platform/storage'], libraries: [], async: false, framework: 'pytest', risk: 0.55, confidence: 0.97,
    fixtures: ['config_cache'], causes: ['shared-state'], basis: 'adapted',
    why: ['writes os.environ and leaves it so (FD603)'],
    source: `def test_reads_the_region_from_the_environment(config_cache):
    os.environ["REGION"] = "eu-north"
    assert load_config().region == "eu-north"
`,
    findings: [
      finding('FD603', 'environment-not-restored', 'shared-state', 'high', 0.97, 'os.environ["REGION"] = "eu-north"',
        'sets an environment variable for every test that follows', 'use `monkeypatch.setenv("REGION", "eu-north")`',
        { fix: { applicability: 'safe', message: 'use `monkeypatch.setenv`', edits: [] } }),
    ],
  },
  {
    repo: 'atlas-web', id: 'tests/integration/test_server.py::TestServer::test_port_is_free_again_after_shutdown_of_the_embedded_development_server', line: 301,
    teams: ['@web/edge'], libraries: ['requests'], async: false, framework: 'pytest', risk: 0.66, confidence: 0.9,
    fixtures: ['tmp_path'], causes: ['network', 'resources', 'concurrency'],
    why: ['binds the fixed port 8899 (FD302)', 'starts a thread and does not join it (FD201)'],
    source: `    def test_port_is_free_again_after_shutdown_of_the_embedded_development_server(self, tmp_path):
        server = DevelopmentServer(host="127.0.0.1", port=8899, root=tmp_path, log=open("/tmp/server.log", "w"), reload=False)
        thread = threading.Thread(target=server.run)
        thread.start()
        response = requests.get("http://127.0.0.1:8899/health")
        assert response.status_code == 200
        server.shutdown()
        assert not port_in_use(8899)
`,
    findings: [
      finding('FD302', 'hard-coded-port', 'network', 'high', 0.9, 'port=8899', 'binds a fixed port, which another process may hold',
        'bind port 0 and ask the socket which one it got'),
      finding('FD701', 'file-not-closed', 'resources', 'medium', 0.9, 'open("/tmp/server.log", "w")',
        'opens a file in a shared folder and never closes it', 'use `with (tmp_path / "server.log").open("w") as log:`'),
      finding('FD201', 'thread-not-joined', 'concurrency', 'high', 0.85, 'threading.Thread(target=server.run)',
        'the thread is still starting when the request is sent, and is never joined', 'wait for readiness, and `thread.join()`'),
      finding('FD605', 'wide-fixture-hands-out-mutable', 'shared-state', 'low', 0.5, null, 'the module-scoped fixture `routes` hands out one list to all tests',
        'return a copy, or narrow the scope', { atLine: 22 }),
    ],
  },
  {
    repo: 'atlas-web', id: 'tests/test_listing.py::test_lists_uploads', line: 15,
    teams: ['@web/edge'], libraries: [], async: false, framework: 'pytest', risk: 0.31, confidence: 0.8,
    fixtures: ['tmp_path'], causes: ['unordered'], why: ['compares os.listdir with a list (FD802)'],
    source: `def test_lists_uploads(tmp_path):
    for name in ("b.png", "a.png"):
        (tmp_path / name).touch()
    assert os.listdir(tmp_path) == ["b.png", "a.png"]
`,
    findings: [
      finding('FD802', 'directory-listing-order', 'unordered', 'medium', 0.9, 'os.listdir(tmp_path) == ["b.png", "a.png"]',
        'compares a directory listing with a list; the file system decides the order', 'compare `sorted(os.listdir(tmp_path))`'),
    ],
  },
  {
    repo: 'tidal-cache', id: 'tests/test_codec.py::test_round_trip', line: 5,
    teams: ['@platform/storage'], libraries: [], async: false, framework: 'pytest', risk: 0.04, confidence: 1,
    fixtures: [], causes: [], why: ['nothing unstable was found'],
    source: `def test_round_trip():
    text = r'''<img src=x onerror="document.title='owned'">'''
    assert decode(encode(text)) == text
`,
    findings: [],
  },
]

function place(test, { mark, lines, atLine, ...rest }) {
  if (!mark) return { ...rest, line: atLine, column: 0, end_line: atLine, end_column: 20 }
  const at = test.source.indexOf(mark)
  if (at < 0) throw new Error(`'${mark}' does not stand in ${test.id}`)
  const before = test.source.slice(0, at).split('\n')
  const line = test.line + before.length - 1
  const column = before.at(-1).length
  return { ...rest, line, column, end_line: line + (lines ?? 1) - 1, end_column: column + mark.length }
}

const RANK = ['none', 'low', 'medium', 'high', 'critical']

function assess(test) {
  const findings = test.findings.map((item) => place(test, item))
  const severity = findings.map((item) => item.severity).sort((a, b) => RANK.indexOf(b) - RANK.indexOf(a))[0] ?? 'none'
  const has = (code) => findings.filter((item) => item.code === code).length
  const features = {
    sleeps: has('FD101'), awaits: (test.source.match(/await /g) ?? []).length, timeouts: 2, network_calls: has('FD303'),
    clock_reads: has('FD401') + 2 * has('FD402'), assertions: (test.source.match(/assert/g) ?? []).length,
    weight_async_wait: 3.2 * has('FD101'), fixtures: test.fixtures.length, mocked_share: 0.25, resolved_share: 0.9,
    statements: test.source.split('\n').length - 3, finding_density: findings.length / test.source.split('\n').length,
  }
  const contributions = [
    ['weight_async_wait', has('FD101') ? 0.94 : -0.22], ['awaits', test.async ? 0.41 : -0.18], ['clock_reads', features.clock_reads ? 0.33 : -0.05],
    ['finding_density', findings.length ? 0.21 : -0.64], ['mocked_share', -0.27], ['assertions', -0.12], ['statements', 0.08], ['resolved_share', -0.03], ['fixtures', 0.02],
  ].map(([feature, value]) => ({ feature, value }))
  const lines = test.source.trimEnd().split('\n').length
  return {
    ...test, basis: undefined, file: test.id.split('::')[0], end_line: test.line + lines - 1, severity, score: test.risk,
    risk_basis: test.basis ?? 'prior', findings, features, contributions,
  }
}

export const ASSESSED = TESTS.map(assess)
