// What the page does when things go other than well, in a real browser against the stand-in of dev/, which can
// be made to fail, to hang and to answer without a model. Needs the built page (npm run build).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { start } from '../dev/server.mjs'
import { launch, open, overflow } from './chromium.mjs'

const LOCK = '#/tests/tidal-cache/' + encodeURIComponent('tests/asyncio/test_lock.py::TestLock::test_lock_expires_while_waiting')
const CODEC = '#/tests/tidal-cache/' + encodeURIComponent('tests/test_codec.py::test_round_trip')

let browser
const servers = []

before(async () => {
  browser = await launch()
})

after(async () => {
  await browser.close()
  for (const server of servers) server.close()
})

async function at(hash, { server = {}, ...context } = {}) {
  const running = await start({ pace: 0, ...server })
  servers.push(running)
  const origin = `http://127.0.0.1:${running.address().port}`
  const opened = await open(browser, origin, context)
  await opened.page.goto(`${origin}/${hash}`)
  return opened
}

test('Stop ends the request and keeps what was checked', async () => {
  let left
  const gone = new Promise((resolve) => (left = resolve))
  const { page } = await at(LOCK, { server: { holdAfter: 'verification', onLeft: left } })
  await page.getByRole('button', { name: 'Explain this test' }).click()
  await page.locator('.sentence').first().waitFor()
  assert.equal(await page.locator('.explanation').getAttribute('data-phase'), 'writing')
  await page.getByRole('button', { name: 'Stop' }).click()
  await gone
  assert.equal(await page.locator('.explanation').getAttribute('data-phase'), 'stopped')
  assert.equal(await page.locator('.sentence').count(), 1)
  assert.match(await page.locator('.explanation').innerText(), /Stopped/)
})

test('leaving the page ends the request', async () => {
  let left
  const gone = new Promise((resolve) => (left = resolve))
  const { page } = await at(LOCK, { server: { holdAfter: 'retrieval', onLeft: left } })
  await page.getByRole('button', { name: 'Explain this test' }).click()
  await page.locator('.sources details').first().waitFor()
  await page.getByRole('link', { name: 'Patterns' }).click()
  await gone
})

test('an answer that breaks off is said to have broken off', async () => {
  const { page } = await at(LOCK, { server: { cutAfter: 'verification' } })
  await page.getByRole('button', { name: 'Explain this test' }).click()
  await page.getByRole('alert').waitFor()
  assert.match(await page.getByRole('alert').innerText(), /broke off/)
  assert.equal(await page.locator('.sentence').count(), 1)
})

test('dropped sentences are counted, and open on request; citations lead to the finding', async () => {
  const { page, troubles } = await at(LOCK)
  await page.getByRole('button', { name: 'Explain this test' }).click()
  await page.locator('[data-phase="done"]').waitFor()
  const dropped = page.locator('.dropped')
  assert.match(await dropped.innerText(), /2 sentences dropped/)
  assert.equal(await dropped.locator('li').first().isVisible(), false)
  await dropped.locator('summary').click()
  assert.match(await dropped.innerText(), /number that does not stand in the source/)
  await page.locator('.sentence .cite', { hasText: 'FD101' }).first().click()
  assert.equal(await page.evaluate(() => document.activeElement.id), 'finding-FD101-123')
  await page.locator('.sentence .cite', { hasText: 'T2' }).click()
  assert.equal(await page.evaluate(() => document.activeElement.id), 'source-T2')
  assert.equal(await page.locator('#source-T2 pre').isVisible(), true)
  assert.deepEqual(troubles, [])
})

test('without a model the page says so', async () => {
  const { page } = await at(LOCK, { server: { model: false } })
  await page.getByRole('button', { name: 'Explain this test' }).click()
  await page.locator('[data-phase="done"]').waitFor()
  assert.match(await page.locator('.explanation').innerText(), /No model took part\./)
})

test('source and findings are text, whatever stands in them', async () => {
  const { page, troubles } = await at(CODEC)
  await page.locator('.code-line').first().waitFor()
  assert.match((await page.locator('.code-lines code').allInnerTexts()).join(''), /<img src=x onerror="document\.title='owned'">/)
  assert.equal(await page.locator('main img').count(), 0)
  assert.doesNotMatch(await page.title(), /owned/)
  assert.deepEqual(troubles, [])
})

test('a problem shows its detail, and nothing found shows a way on', async () => {
  const { page } = await at('#/?q=boom')
  assert.match(await page.getByRole('alert').innerText(), /cannot reach Qdrant at .* start it/)
  await page.getByRole('searchbox').fill('async zebra')
  await page.getByRole('searchbox').press('Enter')
  await page.getByRole('heading', { name: 'Nothing relevant was found.' }).waitFor()
  await page.getByRole('link', { name: 'look through all tests' }).click()
  await page.locator('.hit').first().waitFor()
})

test('chips and filters change the question; Back takes it back', async () => {
  const { page } = await at('#/?q=similar+async+Redis+flakes')
  await page.locator('.hit').first().waitFor()
  const before = await page.locator('.hit').count()
  // the box follows the address, which a click changes a moment later
  const critical = page.getByRole('checkbox', { name: 'critical' })
  await critical.click()
  await page.waitForFunction((count) => document.querySelectorAll('.hit').length < count, before)
  assert.match(page.url(), /severity=critical/)
  assert.ok(await critical.isChecked())
  await page.goBack()
  await page.waitForFunction((count) => document.querySelectorAll('.hit').length === count, before)
  await page.getByRole('button', { name: /Remove “async”/ }).click()
  await page.getByRole('button', { name: /Remove “async”/ }).waitFor({ state: 'detached' })
  assert.equal(await page.getByRole('searchbox').inputValue(), 'similar Redis flakes')
})

test('the keyboard is enough', async () => {
  const { page } = await at('#/?q=async')
  await page.locator('.hit').first().waitFor()
  await page.locator('main').focus()
  await page.keyboard.press('/')
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search')
  await page.locator('a.hit-link').first().focus()
  await page.keyboard.press('ArrowDown')
  const name = await page.evaluate(() => document.activeElement.querySelector('.test-name').innerText)
  assert.equal(name, await page.locator('.hit .test-name').nth(1).innerText())
  await page.keyboard.press('Enter')
  await page.locator('h1').waitFor()
  assert.equal(await page.locator('h1 .test-name').innerText(), name)
})

test('no page is wider than a phone', async () => {
  const { page } = await at('#/', { viewport: { width: 390, height: 844 } })
  const pages = { '#/': '.by-cause', '#/?q=async': '.hit', '#/?all=1': '.hit', [LOCK]: '.similar .hit', '#/patterns': '.pattern', '#/rules/FD101': '.rule pre' }
  for (const [hash, ready] of Object.entries(pages)) {
    await page.evaluate((next) => (location.hash = next), hash)
    await page.locator(ready).first().waitFor()
    assert.ok((await overflow(page)) <= 0, `${hash} is too wide`)
  }
})
