import fc from 'fast-check'
import t from 'tap'
import { generateToken } from '../../lib/token.ts'
import { malformedToken, surroundedToken, tokenMissing } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'

const { send, finds } = await startScimHost(t)
const token = generateToken()
const half = token.length / 2

const surrounded: Record<string, string> = {
  'Bearer twice': `Bearer ${token}`,
  'Bearer twice, in another case': `bEARER ${token}`,
  'Bearer and a colon': `Bearer: ${token}`,
  'double quotes': `"${token}"`,
  'single quotes': `'${token}'`,
  'typographic quotes': `\u201c${token}\u201d`,
  'angle brackets': `<${token}>`,
  JSON: `{"token":"${token}"}`,
  'a label': `token=${token}`,
  'a comma after it': `${token},`,
  'a word after it': `${token} admin`,
  'the token twice': `${token} ${token}`,
  'the token twice without a blank': `${token}${token}`,
  'a blank within': `${token.slice(0, half)} ${token.slice(half)}`,
  'a tab within': `${token.slice(0, half)}\t${token.slice(half)}`,
  'a line break within': `${token.slice(0, half)}\r\n${token.slice(half)}`,
  'a line break after it': `${token}\n`,
  'the prefix twice': `scim_${token}`
}

for (const [what, value] of Object.entries(surrounded)) {
  t.test(`a token with ${what} -> 401 that says to paste the token alone`, async (t) => {
    t.strictSame(await send(`Bearer ${value}`), surroundedToken)
  })
}

t.test('the scheme Bearer with nothing after it -> 401 that says that no token follows', async (t) => {
  for (const authorization of ['Bearer', 'bearer', 'Bearer ', `Bearer${' '.repeat(500)}`, 'Bearer \t']) t.strictSame(await send(authorization), tokenMissing)
})

t.test('a truncated token in quotes -> 401 that says that it is not a token', async (t) => {
  t.strictSame(await send(`Bearer "${token.slice(0, -1)}"`), malformedToken)
})

t.test('a token within more than 1 KiB of text -> 401 without searching for it', async (t) => {
  t.strictSame(await send(`Bearer ${token} ${'x'.repeat(1024)}`), malformedToken)
  t.strictSame(await send(`Bearer ${token} ${'x'.repeat(1024 - token.length - 1)}`), surroundedToken)
})

t.test('a token with any text around it -> 401 that says to paste the token alone, without a store call', async (t) => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), async (before, after) => {
    fc.pre(before.trim() + after !== '')
    t.strictSame(await send(`Bearer ${before}${token}${after}`), surroundedToken)
  }), { numRuns: 200 })
  t.equal(finds(), 0)
})

t.test('a token with blanks and line breaks at any place within -> 401 that says to paste the token alone', async (t) => {
  const blanks = fc.stringMatching(/^[ \t\r\n\u00a0]{1,5}$/)
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: token.length - 1 }), blanks), { minLength: 1, maxLength: 4 }), async (breaks) => {
    const value = breaks.toSorted(([a], [b]) => b - a).reduce((text, [at, blank]) => text.slice(0, at) + blank + text.slice(at), token)
    t.strictSame(await send(`Bearer ${value}`), surroundedToken)
  }), { numRuns: 200 })
})

t.test('any Authorization header -> no detail repeats it', async (t) => {
  const sent = fc.oneof(fc.string({ unit: 'binary', minLength: 8 }), fc.stringMatching(/^[A-Za-z0-9_]{20}$/))
  await fc.assert(fc.asyncProperty(sent, fc.boolean(), async (text, isBearer) => {
    fc.pre(text.trim().length >= 8)
    const { body } = await send(isBearer ? `Bearer ${text}` : text)
    t.notOk(JSON.parse(body).detail.includes(text.trim()))
  }), { numRuns: 200 })
})
