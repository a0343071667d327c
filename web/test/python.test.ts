import { describe, expect, it } from 'vitest'
import { highlight, type Kind } from '../src/code/python.ts'

function kinds(source: string): [string, Kind][] {
  return highlight(source)
    .flat()
    .filter(({ kind }) => kind !== 'plain')
    .map(({ text, kind }) => [text, kind])
}

describe('the highlighter', () => {
  it('tells the parts of a test apart', () => {
    expect(kinds('@pytest.mark.asyncio\nasync def test_lock(self):  # why\n    await asyncio.sleep(0.5)')).toEqual([
      ['@pytest.mark.asyncio', 'decorator'],
      ['async', 'keyword'],
      ['def', 'keyword'],
      ['test_lock', 'definition'],
      ['self', 'constant'],
      ['# why', 'comment'],
      ['await', 'keyword'],
      ['sleep', 'call'],
      ['0.5', 'number'],
    ])
  })

  it('follows a string over several lines, and comes out of it', () => {
    expect(kinds('x = """one # no\n  def two\n""" + f\'{y}\' # yes')).toEqual([
      ['"""one # no', 'string'],
      ['  def two', 'string'],
      ['"""', 'string'],
      ["f'{y}'", 'string'],
      ['# yes', 'comment'],
    ])
  })

  it('knows escaped quotes and prefixes', () => {
    expect(kinds(String.raw`a = "it \" goes on"; b = rb'\'`)).toEqual([
      [String.raw`"it \" goes on"`, 'string'],
      [String.raw`rb'\'`, 'string'],
    ])
  })

  it('takes soft keywords for names where they are names', () => {
    expect(kinds('match = re.match(x)\nmatch command:\n    case type: pass')).toEqual([
      ['match', 'call'],
      ['match', 'keyword'],
      ['case', 'keyword'],
      ['pass', 'keyword'],
    ])
  })

  it('loses and adds nothing, whatever it reads', () => {
    const sources = ['', '\n\n', "x = 'open", '"""', '\\"""\'\'\'#', 'é = "😀" + ünï\t# ☃', '@', '0x 1_0.e 3..', '<b>&amp;</b>', 'a\r\nb']
    for (const source of sources) {
      const back = highlight(source).map((tokens) => tokens.map(({ text }) => text).join(''))
      expect(back).toEqual(source.split(/\r?\n/))
    }
  })
})
