import t from 'tap'
import { generateToken } from '../lib/token.ts'
import { exchange, listen } from './helpers/raw-http.ts'
import { createStoreContext } from './helpers/store-context.ts'
import { startScimHost, type ScimHost } from './helpers/scim-host.ts'
import { nextCharacter, withChecksum, wrongToken } from './helpers/tokens.ts'

const host = await startScimHost(t)
const right = await host.generate()
const url = await listen(host.app)
const context = await createStoreContext({})

const sharing = Array.from({ length: 43 }, (_, i) => wrongToken(right, i + 5))
const differingInOne = Array.from({ length: 43 }, (_, i) => withChecksum(right.slice(0, i + 5) + nextCharacter(right.charAt(i + 5)) + right.slice(i + 6, 48)))
const strangers = Array.from({ length: 43 }, generateToken)
const wrong = [...sharing, ...differingInOne, ...strangers]

t.test('the answer to a wrong token is the same to the byte, whatever it has in common with the right one', async (t) => {
  const answers = await ask(host, wrong)
  t.equal(answers.length, 1)
  t.match(answers[0], /^HTTP\/1\.1 401 Unauthorized\r\n/)

  const second = await host.generate()
  t.strictSame(await ask(host, [right]), answers, 'to one that was right before')

  await host.store.setEnabled(false, context)
  t.strictSame(await ask(host, [...wrong, right, second]), answers, 'to any where SCIM is disabled')
  await host.store.setEnabled(true, context)
  t.match((await ask(host, [second]))[0], /^HTTP\/1\.1 200 OK\r\n/)
})

t.test('the answer is the same where there is no record', async (t) => {
  const answers = await ask(host, wrong)
  const without = await startScimHost(t)
  const url = await listen(without.app)
  t.strictSame(await ask(without, [...wrong, right], url), answers)
})

/** Answers what is different among the answers to these tokens, provided that each took one look-up. */
async function ask ({ finds }: ScimHost, tokens: string[], to = url): Promise<string[]> {
  const answers = new Set<string>()
  for (const token of tokens) {
    const before = finds()
    const answer = await exchange(to, `GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    answers.add(`${answer.replace(/^Date: .*$/m, 'Date')}${finds() === before + 1 ? '' : 'not one look-up'}`)
  }
  return [...answers]
}
