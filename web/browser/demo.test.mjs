// The main job in a real browser, against a running service (BASE_URL) whose index holds async Redis tests:
// open, search, open a hit, see its source with a marked finding, and read the streamed explanation to its end.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open, overflow, picture } from './chromium.mjs'

const QUERY = 'similar async Redis flakes'
/** A model on a small machine reads its prompt for a while. */
const PATIENCE = 300_000
/** Of the first hits, so many are looked at for a finding inside the test itself (it may be in a helper). */
const LOOKED_AT = 5

const base = process.env.BASE_URL
let browser

before(async () => {
  assert.ok(base, 'BASE_URL is not set; start the service and give its address, as in BASE_URL=http://127.0.0.1:8080')
  browser = await launch()
})

after(() => browser?.close())

/** The events of a stream of server-sent events, in their order. */
function eventsOf(text) {
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => ({
      event: /^event: ?(.*)$/m.exec(block)?.[1],
      data: [...block.matchAll(/^data: ?(.*)$/gm)].map((match) => match[1]).join('\n'),
    }))
    .filter(({ event }) => event)
    .map(({ event, data }) => ({ event, data: JSON.parse(data) }))
}

async function search(page) {
  await page.goto(base)
  const box = page.getByRole('searchbox')
  assert.equal(await box.getAttribute('placeholder'), QUERY)
  await picture(page, 'welcome')
  await box.fill(QUERY)
  await box.press('Enter')
  await page.locator('.hits .hit').first().waitFor({ timeout: 60_000 })
}

/** Opens hits from the first on until one has a finding inside the test, and returns that hit's name. */
async function openMarkedHit(page) {
  const count = Math.min(await page.locator('a.hit-link').count(), LOOKED_AT)
  for (let index = 0; index < count; index++) {
    const link = page.locator('a.hit-link').nth(index)
    const name = await link.locator('.test-name').innerText()
    await link.click()
    await page.locator('.code-line').first().waitFor()
    if ((await page.locator('.code-line.marked').count()) > 0) return name
    await page.goBack()
    await page.locator('.hits .hit').first().waitFor()
  }
  return assert.fail(`none of the first ${count} hits shows a finding inside its source`)
}

test('search, a hit with its findings, and the streamed explanation', { timeout: 2 * PATIENCE }, async () => {
  const { page, troubles } = await open(browser, new URL(base).origin)

  await search(page)
  const facets = await page.getByRole('list', { name: 'How the query was read' }).innerText()
  assert.match(facets, /async/)
  assert.match(facets, /redis/)
  const first = await page.locator('.hit').first().innerText()
  assert.match(first, /\basync\b/)
  assert.match(first, /\bredis\b/i)
  assert.match(first, /\bFD\d{3}\b/, 'the first hit has no finding')
  assert.match(first, /order only: no history of this repository|adapted to outcomes/, 'the risk does not say what it rests on')
  await picture(page, 'search')

  const name = await openMarkedHit(page)
  assert.equal(await page.locator('h1 .test-name').innerText(), name)
  const source = await page.locator('.code-lines code').allInnerTexts()
  assert.ok(source.some((line) => line.includes(`def ${name}(`)), 'the source does not hold the test')
  const marked = page.locator('.code-line.marked').first()
  assert.notEqual((await marked.locator('.mark').allInnerTexts()).join('').trim(), '', 'nothing is underlined')
  const note = marked.locator('xpath=following-sibling::*[1]')
  assert.match(await note.innerText(), /^FD\d{3}\b[^]*Remedy/)
  const line = await marked.getAttribute('data-line')
  assert.match(await note.getAttribute('aria-label'), new RegExp(`line ${line}$`))
  await picture(page, 'test')

  const answered = page.waitForResponse((response) => response.url().includes('/explanation'), { timeout: PATIENCE })
  await page.getByRole('button', { name: 'Explain this test' }).click()
  const explanation = page.getByRole('region', { name: 'Explanation' })
  await page.locator('.explanation[data-phase="done"], .explanation[data-phase="failed"]').waitFor({ timeout: PATIENCE })
  assert.equal(await explanation.getAttribute('data-phase'), 'done', await explanation.innerText())

  const response = await answered
  assert.equal(response.request().method(), 'POST')
  assert.match(response.headers()['content-type'], /^text\/event-stream/)
  const events = eventsOf(await response.text())
  const order = events.map(({ event }) => event)
  assert.equal(order[0], 'retrieval', 'the sources do not come first')
  assert.equal(order.at(-1), 'done')
  const kept = events.filter(({ event, data }) => event === 'verification' && data.kept).map(({ data }) => data)
  const end = events.at(-1).data
  assert.ok(end.sentences.length > 0, 'no sentence was kept')
  assert.deepEqual(kept.map(({ text }) => text), end.sentences.map(({ text }) => text))

  assert.equal(await explanation.locator('.sentence').count(), end.sentences.length)
  for (const [index, sentence] of (await explanation.locator('.sentence').all()).entries()) {
    const cited = await sentence.locator('.cite').allInnerTexts()
    assert.ok(cited.length > 0, `a sentence cites nothing: ${await sentence.innerText()}`)
    for (const ref of end.sentences[index].citations) assert.ok(cited.includes(ref), `${ref} has no chip`)
  }
  const known = await explanation.locator('.sources summary .cite').allInnerTexts()
  for (const ref of end.sentences.flatMap(({ citations }) => citations)) {
    assert.ok(known.includes(ref), `${ref} is cited, but is not among the sources`)
  }
  const by = await explanation.locator('.model-line').innerText()
  if (end.model === null) assert.match(by, /No model took part/)
  else assert.ok(by.includes(end.model), by)
  await picture(page, 'explanation')

  await explanation.locator('.sentence .cite').first().click()
  const landed = await page.evaluate(() => document.activeElement?.id ?? '')
  assert.match(landed, /^(finding|line|source)-/, 'a citation leads nowhere')

  assert.deepEqual(troubles, [])
})

test('patterns, and every page on a narrow and dark screen', { timeout: PATIENCE }, async () => {
  const { page, troubles } = await open(browser, new URL(base).origin, {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
  })
  await search(page)
  assert.ok((await overflow(page)) <= 0, 'the results are wider than the screen')
  await picture(page, 'search-narrow-dark')
  await openMarkedHit(page)
  assert.ok((await overflow(page)) <= 0, 'a test is wider than the screen')
  await picture(page, 'test-narrow-dark')
  const rule = page.locator('.finding a.code').first()
  const code = await rule.innerText()
  await rule.click()
  await page.getByRole('heading', { name: 'Use instead' }).waitFor()
  assert.ok((await page.locator('.rule').innerText()).includes(code))
  assert.ok((await overflow(page)) <= 0, 'a rule is wider than the screen')
  await page.getByRole('link', { name: 'Patterns' }).click()
  await page.locator('.pattern').first().waitFor()
  assert.match(await page.locator('.pattern').first().innerText(), /FD\d{3}[^]*\d+ tests?/)
  assert.ok((await overflow(page)) <= 0, 'the patterns are wider than the screen')
  await picture(page, 'patterns-narrow-dark')
  assert.deepEqual(troubles, [])
})
