import t from 'tap'
import { generateToken } from '../../lib/token.ts'
import { exchange, listen } from '../helpers/raw-http.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { startScimHost, type ScimHost } from '../helpers/scim-host.ts'
import { nextCharacter, withChecksum, wrongToken } from '../helpers/tokens.ts'

const host = await startScimHost(t)
const valid = await host.generate()
const url = await listen(host.app)
const context = await createStoreContext({})

const sharing = Array.from({ length: 43 }, (_, i) => wrongToken(valid, i + 5))
const differingInOne = Array.from({ length: 43 }, (_, i) => withChecksum(valid.slice(0, i + 5) + nextCharacter(valid.charAt(i + 5)) + valid.slice(i + 6, 48)))
const unrelated = Array.from({ length: 43 }, generateToken)
const wrong = [...sharing, ...differingInOne, ...unrelated]

t.test('a wrong token, however similar to the valid one -> the same 401, byte for byte', async (t) => {
  const responses = await distinctResponses(host, wrong)
  t.equal(responses.length, 1)
  t.match(responses[0], /^HTTP\/1\.1 401 Unauthorized\r\n/)

  const second = await host.generate()
  t.strictSame(await distinctResponses(host, [valid]), responses, 'a token that was valid before')

  await host.store.setEnabled(false, context)
  t.strictSame(await distinctResponses(host, [...wrong, valid, second]), responses, 'any token while SCIM is disabled')
  await host.store.setEnabled(true, context)
  t.match((await distinctResponses(host, [second]))[0], /^HTTP\/1\.1 200 OK\r\n/)
})

t.test('no record -> the same 401, byte for byte', async (t) => {
  const responses = await distinctResponses(host, wrong)
  const without = await startScimHost(t)
  const url = await listen(without.app)
  t.strictSame(await distinctResponses(without, [...wrong, valid], url), responses)
})

/** Returns the distinct responses to these tokens, marked if a request took more or fewer than one look-up. */
async function distinctResponses ({ finds }: ScimHost, tokens: string[], to = url): Promise<string[]> {
  const responses = new Set<string>()
  for (const token of tokens) {
    const before = finds()
    const response = await exchange(to, `GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    responses.add(`${response.replace(/^Date: .*$/m, 'Date')}${finds() === before + 1 ? '' : 'not one look-up'}`)
  }
  return [...responses]
}
