// A stand-in for the service while the page is worked on: `node dev/server.mjs`, PORT=8099, serves web/dist too.
// MODEL=none answers without a model; a query with "boom" fails, "zebra" finds nothing.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, normalize } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { explanation, find, list, patterns, rule, search, similar } from './answers.mjs'

const DIST = new URL('../dist/', import.meta.url)
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

function json(response, value, status = 200) {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
  response.end(JSON.stringify(value))
}

function problem(response, status, title, detail) {
  json(response, { type: 'about:blank', title, status, detail }, status)
}

async function body(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return text ? JSON.parse(text) : {}
}

async function stream(response, test, options) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(': here\n\n')
  for (const [wait, event, data] of explanation(test, options.model)) {
    await pause(wait * options.pace)
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    if (event === options.cutAfter) return void response.end()
    if (event === options.holdAfter) {
      await once(response, 'close')
      return void options.onLeft()
    }
  }
  response.end()
}

async function api(request, response, url, options) {
  const path = url.pathname.slice('/api/v1/'.length)
  const [, id, rest] = /^tests\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? []
  if (path === 'search') {
    const asked = await body(request)
    if (asked.query.includes('boom')) {
      return problem(response, 503, 'the index cannot be read', 'cannot reach Qdrant at http://127.0.0.1:6334: connection refused; start it (docker compose up qdrant), or leave --qdrant-url out to use the embedded store')
    }
    return json(response, search(asked))
  }
  if (path === 'patterns') return json(response, patterns())
  if (path === 'tests') return json(response, list(url.searchParams))
  if (path.startsWith('rules/')) {
    const found = rule(path.slice('rules/'.length))
    return found ? json(response, found) : problem(response, 404, 'not found', 'there is no such rule')
  }
  const test = id && find(decodeURIComponent(id), url.searchParams.get('repo'))
  if (!test) return problem(response, 404, 'not found', 'this test is not in the index; index it with flakydetector index PATH')
  if (rest === 'similar') return json(response, similar(test.id))
  if (rest === 'explanation') return stream(response, test, options)
  return json(response, test)
}

async function file(response, path) {
  const name = path === '/' ? 'index.html' : normalize(path).replace(/^[/.]+/, '')
  const content = await readFile(new URL(name, DIST)).catch(() => null)
  if (!content) return problem(response, 404, 'not found', `no file ${name}`)
  response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' })
  response.end(content)
}

/**
 * Starts the stand-in on a free port of 127.0.0.1 or on `port`; resolves to the server. An explanation can be cut
 * after an event, or held after it until the client leaves, which calls `onLeft`.
 */
export function start({ port = 0, model = true, pace = 1, cutAfter, holdAfter, onLeft } = {}) {
  const options = { model, pace, cutAfter, holdAfter, onLeft }
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    const answer = url.pathname.startsWith('/api/v1/') ? api(request, response, url, options) : file(response, url.pathname)
    answer.catch((error) => problem(response, 500, 'the stand-in failed', String(error)))
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = await start({ port: Number(process.env.PORT ?? 8099), model: process.env.MODEL !== 'none' })
  process.stdout.write(`http://127.0.0.1:${server.address().port}, serving ${fileURLToPath(DIST)}\n`)
}
