// What the service would answer, roughly: enough of every contract to work on the page.
import { ASSESSED } from './tests.mjs'

export function hit(test, why = test.why) {
  const { source, features, contributions, findings, fixtures, framework, ...rest } = test
  return { ...rest, why, findings: findings.map((item) => item.code) }
}

function fits(test, { causes = [], severities = [], repos = [], teams = [] }) {
  return (
    (!causes.length || causes.some((cause) => test.causes.includes(cause))) &&
    (!severities.length || severities.includes(test.severity)) &&
    (!repos.length || repos.includes(test.repo)) &&
    (!teams.length || teams.some((team) => test.teams.includes(team)))
  )
}

export function search({ query, filters = {}, limit = 20 }) {
  const words = query.toLowerCase().match(/[\w-]+/g) ?? []
  const isAsync = words.includes('async') ? true : null
  const libraries = ['redis', 'requests', 'faker'].filter((name) => words.includes(name))
  const flaky = words.some((word) => word.startsWith('flak'))
  const remainder = words.filter((word) => word !== 'async' && word !== 'similar' && !libraries.includes(word) && !word.startsWith('flak')).join(' ')
  const hits = ASSESSED.filter(
    (test) =>
      fits(test, filters) && (isAsync === null || test.async) && libraries.every((name) => test.libraries.includes(name)) &&
      (!flaky || test.findings.length > 0) && !words.includes('zebra'),
  )
  return {
    query, facets: { ...(isAsync && { async: true }), ...(flaky && { flaky }), libraries, remainder },
    hits: hits.slice(0, limit).map((test) => hit(test)),
  }
}

export function list(query) {
  const of = (name) => (query.get(name) ?? '').split(',').filter(Boolean)
  const fit = ASSESSED.filter((test) => fits(test, { causes: of('cause'), severities: of('severity'), repos: of('repo'), teams: of('team') }))
  const from = Number(query.get('cursor') ?? 0)
  const size = Math.min(Number(query.get('limit') ?? 50), 6)
  return { tests: fit.slice(from, from + size).map((test) => hit(test, [])), next_cursor: from + size < fit.length ? String(from + size) : null }
}

export function find(id, repo) {
  return ASSESSED.find((test) => test.id === id && (!repo || test.repo === repo))
}

export function similar(id) {
  const self = find(id)
  return { hits: ASSESSED.filter((test) => test !== self && test.causes.some((cause) => self.causes.includes(cause))).slice(0, 4).map((test) => hit(test)) }
}

export function patterns() {
  const rules = new Map()
  for (const test of ASSESSED) {
    for (const { code, name, cause, severity } of test.findings) {
      const row = rules.get(code) ?? { cause, code, name, severity, tests: 0, repos: new Set(), teams: new Set(), examples: [] }
      row.tests += 7 + (code.charCodeAt(4) % 5) * 11
      row.repos.add(test.repo)
      test.teams.forEach((team) => row.teams.add(team))
      row.examples.push(test.id)
      rules.set(code, row)
    }
  }
  const all = [...rules.values()].map((row) => ({ ...row, repos: [...row.repos], teams: [...row.teams] }))
  return { tests: 2140, repos: [...new Set(all.flatMap((row) => row.repos))], teams: [...new Set(all.flatMap((row) => row.teams))], patterns: all }
}

export function rule(code) {
  const found = ASSESSED.flatMap((test) => test.findings).find((item) => item.code === code)
  if (!found) return null
  return {
    code, name: found.name, cause: found.cause, summary: `${found.message[0].toUpperCase()}${found.message.slice(1)}.`,
    markdown: `## What it detects\nCalls such as \`time.sleep\` and \`asyncio.sleep\` between an action and the assertion about it.\n\n## Why it makes tests unstable\nThe time that something takes is **not fixed**. On a busy machine:\n\n- the assertion runs too early, or\n- the pause is longer than anybody needs.\n\n## Example\n\`\`\`python\nasync def test_lock(redis):\n    await asyncio.sleep(0.3)  # hope\n    assert await redis.get("lock") is None\n\`\`\`\n\n## Use instead\n\`\`\`python\nasync with asyncio.timeout(5):\n    await lock.released.wait()\n\`\`\`\n\n## Known false positives\nA *simulated* slow service, where the pause is the point.\n`,
  }
}

/** The events of an explanation, each with the pause before it in milliseconds. */
export function explanation(test, withModel) {
  const others = ASSESSED.filter((other) => other !== test && other.causes.some((cause) => test.causes.includes(cause))).slice(0, 2)
  const [first] = test.findings
  const sources = [
    { ref: 'T1', kind: 'test', id: test.id, repo: test.repo, text: test.source },
    ...test.findings.slice(0, 2).map((item) => ({ ref: item.code, kind: 'rule', id: item.name, text: `${item.name}: ${item.message}; ${item.help}` })),
    ...others.map((other, index) => ({ ref: `T${index + 2}`, kind: 'test', id: other.id, repo: other.repo, text: other.source })),
    { ref: 'X1', kind: 'fix', id: '4be0c1f', commit: '4be0c1f', repo: test.repo, text: '-    await asyncio.sleep(0.5)\n+    await asyncio.wait_for(task, 5)' },
  ]
  const code = first?.code ?? 'T1'
  const kept = [
    { text: `The test waits by \`${(test.source.match(/await asyncio.sleep\([^)]*\)/) ?? ['def'])[0]}\` on line ${first?.line ?? test.line}, and nothing ties that pause to the event it waits for.`, citations: ['T1', code] },
    { text: 'On a busy machine the task is not done when the pause ends, so the assertion after it fails although the code is right.', citations: [code] },
    { text: 'A test of another repository waits the same way and shows the same symptom.', citations: ['T2'] },
    { text: 'Await the task with a deadline, as was done here before in `4be0c1f`.', citations: ['X1'] },
  ]
  const dropped = [
    { text: 'It fails in about 40% of all runs.', reason: 'number-not-found' },
    { text: 'The Redis server drops connections under load.', reason: 'no-citation' },
  ]
  const fix = {
    origin: 'history', verified: true, reason: 'the pause becomes a bounded wait',
    diff: `--- a/${test.file}\n+++ b/${test.file}\n@@ -${first?.line ?? 1},2 +${first?.line ?? 1},2 @@\n-        await asyncio.sleep(timeout + 0.1)  # until the first lock is gone\n-        assert task.done()\n+        assert await asyncio.wait_for(task, 5)`,
    findings_before: test.findings.map((item) => item.code), findings_after: test.findings.slice(1).map((item) => item.code),
    risk_before: test.risk, risk_after: test.risk / 2.4, rounds: 1,
  }
  const events = [[200, 'retrieval', { sources, causes: test.causes.map((cause) => ({ cause, confidence: 0.8 })) }]]
  let sentence = 0
  const say = ({ text, citations = [], reason = null }) => {
    for (const piece of withModel ? text.match(/\S+\s*/g) : [text]) events.push([withModel ? 28 : 0, 'token', { sentence, text: piece }])
    events.push([0, 'citation', { sentence, citations }])
    events.push([20, 'verification', { sentence: sentence++, text, citations, kept: reason === null, reason }])
  }
  kept.forEach((one, index) => {
    say(one)
    if (withModel && dropped[index]) say(dropped[index])
  })
  events.push([10, 'done', {
    test: test.id, repo: test.repo, model: withModel ? 'qwen2.5-coder:1.5b' : null, causes: [], sources, sentences: kept,
    dropped: withModel ? dropped : [], fix: withModel ? fix : null,
    usage: withModel ? { prompt_tokens: 812, completion_tokens: 164, num_ctx: 4096 } : null,
    milliseconds: { retrieval: 4, first_token: withModel ? 900 : null, total: withModel ? 5230 : 12 },
    ...(!withModel && { note: 'no model took part: this rests on the rules and the index alone' }),
  }])
  return events
}
