import t from 'tap'
import { hashToken } from '../../lib/token.ts'
import { alphabet, nextCharacter, withChecksum } from '../helpers/tokens.ts'
import { accepted, malformedToken, noAuthorizationHeader, schemeNotBearer, surroundedToken, tokenMissing, type ScimResponse } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'

const { app, send, finds, generate } = await startScimHost(t)
const token = await generate()

/** Values of the `Authorization` header by their description. */
type Values = Record<string, string>

const bearerTokens: Values = {
  'the usual spelling': `Bearer ${token}`,
  'scheme in lower case': `bearer ${token}`,
  'scheme in upper case': `BEARER ${token}`,
  'scheme in mixed case': `bEaReR ${token}`,
  'two spaces': `Bearer  ${token}`,
  'many spaces': `Bearer${' '.repeat(500)}${token}`
}

const otherSchemes: Values = {
  empty: '',
  'a space alone': ' ',
  'the token without a scheme': token,
  'no space after the scheme': `Bearer${token}`,
  'a tab after the scheme': `Bearer\t${token}`,
  'a line feed after the scheme': `Bearer\n${token}`,
  'a colon after the scheme': `Bearer: ${token}`,
  'an equals sign after the scheme': `Bearer=${token}`,
  'a comma after the scheme': `Bearer,${token}`,
  'a no-break space after the scheme': `Bearer\u00a0${token}`,
  'a space before the scheme': ` Bearer ${token}`,
  'a quoted scheme': `"Bearer" ${token}`,
  'a truncated scheme': `Beare ${token}`,
  'a scheme with an extra letter': `Bearers ${token}`,
  'six other characters as the scheme': `Xearer ${token}`,
  'a homograph of the scheme': `Вearer ${token}`,
  'the scheme in full-width letters': `Ｂｅａｒｅｒ ${token}`,
  'a byte order mark': `\ufeffBearer ${token}`,
  Basic: `Basic ${Buffer.from(`scim:${token}`).toString('base64')}`,
  'Basic with the token as it is': `Basic ${token}`,
  Digest: `Digest username="scim", response="${token}"`,
  Token: `Token ${token}`,
  DPoP: `DPoP ${token}`,
  Negotiate: 'Negotiate YII=',
  'Basic before Bearer': `Basic eDp5, Bearer ${token}`,
  'an API token of Unleash': '*:*.964a287e1b728cb5f4f3e0120df92cb5'
}

const malformedTokens: Values = {
  'the scheme alone': 'Bearer',
  'the scheme and a space': 'Bearer ',
  'the scheme and many spaces': `Bearer${' '.repeat(500)}`,
  'the scheme twice': `Bearer Bearer ${token}`,
  'a tab before the token': `Bearer \t${token}`,
  'a space after the token': `Bearer ${token} `,
  'a tab after the token': `Bearer ${token}\t`,
  'a line feed after the token': `Bearer ${token}\n`,
  'a carriage return after the token': `Bearer ${token}\r\n`,
  'a NUL after the token': `Bearer ${token}\0`,
  'a NUL before the token': `Bearer \0${token}`,
  'a space within the token': `Bearer ${token.slice(0, 20)} ${token.slice(20)}`,
  'two tokens': `Bearer ${token} ${token}`,
  'two tokens, run together': `Bearer ${token}${token}`,
  'two tokens, joined by a comma': `Bearer ${token}, ${token}`,
  'two credentials, joined by a comma': `Bearer ${token}, Bearer ${token}`,
  'Bearer before Basic': `Bearer ${token}, Basic eDp5`,
  'a parameter': `Bearer ${token}, realm="SCIM"`,
  'the token as a parameter': `Bearer token="${token}"`,
  'in double quotes': `Bearer "${token}"`,
  'in single quotes': `Bearer '${token}'`,
  'in angle brackets': `Bearer <${token}>`,
  'percent-encoded': `Bearer ${token.replace('_', '%5F')}`,
  'in base64': `Bearer ${Buffer.from(token).toString('base64')}`,
  'in upper case': `Bearer ${token.toUpperCase()}`,
  backwards: `Bearer ${[...token].reverse().join('')}`,
  'the prefix alone': 'Bearer scim_',
  'without its prefix': `Bearer ${token.slice(5)}`,
  'with its prefix twice': `Bearer scim_${token}`,
  'another prefix': `Bearer ${withChecksum(`user_${token.slice(5, 48)}`)}`,
  'without its checksum': `Bearer ${token.slice(0, -6)}`,
  'with the checksum twice': `Bearer ${withChecksum(token)}`,
  'one character too few, with a matching checksum': `Bearer ${withChecksum(token.slice(0, 47))}`,
  'one character too many, with a matching checksum': `Bearer ${withChecksum(`${token.slice(0, 48)}0`)}`,
  'a character outside base62, with a matching checksum': `Bearer ${withChecksum(`${token.slice(0, 47)}-`)}`,
  'digits in full width': `Bearer ${token.slice(0, -1)}１`,
  'an accent': `Bearer ${token}é`,
  'an emoji': 'Bearer 🔑',
  'a zero-width joiner': `Bearer ${token}\u200d`,
  'a JSON Web Token': 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJzY2ltIn0.',
  'the hash of the token': `Bearer ${hashToken(token)}`,
  undefined: 'Bearer undefined',
  null: 'Bearer null',
  'an object': 'Bearer [object Object]',
  'a wildcard': 'Bearer *',
  SQL: "Bearer ' or '1'='1",
  '8 KB': `Bearer ${'a'.repeat(8192)}`,
  '8 KB of spaces within': `Bearer ${' '.repeat(8192)}x`
}

t.test('no Authorization header -> 401 that says so, without an error code', async (t) => {
  t.strictSame(await send(), noAuthorizationHeader)
})

t.test('the scheme in any case, one or more spaces, the token -> accepted', async (t) => {
  t.strictSame(await sendAll(bearerTokens), all(bearerTokens, accepted))
  t.equal(finds(), Object.keys(bearerTokens).length, 'one look-up per request')
})

t.test('another scheme than Bearer -> 401 that says so, without an error code', async (t) => {
  t.strictSame(await sendAllWithoutStore(otherSchemes), all(otherSchemes, schemeNotBearer))
})

t.test('a malformed token -> 401 invalid_token that says so', async (t) => {
  t.strictSame(await sendAllWithoutStore(malformedTokens), explained(malformedTokens))
})

t.test('a token with one character removed or doubled, or truncated -> 401 without a store call', async (t) => {
  const damaged: Record<string, Values> = {
    'with any one character left out': byIndex(token.length, (i) => replaced(i, '')),
    'with any one character doubled': byIndex(token.length, (i) => replaced(i, token.charAt(i).repeat(2))),
    'cut off at the end at any length': byIndex(token.length, (length) => token.slice(0, length)),
    'cut off at the front at any length': byIndex(token.length - 1, (i) => token.slice(i + 1)),
    'with any character of the alphabet at its end': byIndex(alphabet.length, (i) => token + alphabet.charAt(i))
  }
  for (const [name, values] of Object.entries(damaged)) {
    t.strictSame(await sendAllWithoutStore(values), explained(values), name)
  }
})

// Only a checksum tells them from a token. The checksum of a token that matches need not be computed.
const mistyped: Record<string, Values> = {
  'with any one character changed to its neighbour in the alphabet': byIndex(token.length, (i) => replaced(i, nextCharacter(token.charAt(i)))),
  'with the case of any one letter changed': byIndex(token.length, (i) => replaced(i, otherCase(token.charAt(i)))),
  'in lower case': { lower: `Bearer ${token.toLowerCase()}` },
  'with two neighbours swapped': { swapped: `Bearer ${swapped(token)}` }
}

t.test('a mistyped token -> 401 that says so, after at most one look-up', async (t) => {
  for (const [name, values] of Object.entries(mistyped)) {
    const before = finds()
    t.strictSame(await sendAll(values), explained(values), name)
    t.ok(finds() - before <= Object.keys(values).length, name)
  }
})

t.test('a mistyped token while there is no record -> 401 that says so', async (t) => {
  const { send } = await startScimHost(t)
  t.strictSame(await send(`Bearer ${swapped(token)}`), malformedToken)
})

t.test('the token in a header with a similar name -> 401', async (t) => {
  const headers = ['proxy-authorization', 'x-authorization', 'authorization_', 'cookie', 'x-api-key']
  const statuses = headers.map(async (header) =>
    (await app.inject({ url: '/scim/Users', headers: { [header]: `Bearer ${token}` } })).statusCode)
  t.strictSame(await Promise.all(statuses), headers.map(() => 401))
})

t.test('a token in the URL -> 401, as if none was sent', async (t) => {
  const { send, generate } = await startScimHost(t, { server: { disableRequestLogging: true } })
  t.strictSame(await send(undefined, `/scim/Users?access_token=${await generate()}`), noAuthorizationHeader)
})

/** Sends each value and returns the responses under the same names. */
async function sendAll (values: Values): Promise<Record<string, ScimResponse>> {
  const entries = Object.entries(values).map(async ([name, value]) => [name, await send(value)])
  return Object.fromEntries(await Promise.all(entries))
}

/** The same; returns a message instead if find() was called. */
async function sendAllWithoutStore (values: Values): Promise<Record<string, ScimResponse> | string> {
  const before = finds()
  const responses = await sendAll(values)
  return finds() === before ? responses : 'find() was called'
}

/** The 401 for each malformed token. */
function explained (values: Values): Record<string, ScimResponse> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => {
    if (/^bearer *$/i.test(value)) return [name, tokenMissing]
    return [name, value.replaceAll(/\W/g, '').includes(token) ? surroundedToken : malformedToken]
  }))
}

function all (values: Values, response: ScimResponse): Record<string, ScimResponse> {
  return Object.fromEntries(Object.keys(values).map((name) => [name, response]))
}

/** Returns bearer headers with a damaged token by index, without those whose damage changes nothing. */
function byIndex (length: number, damage: (i: number) => string): Values {
  const entries = Array.from({ length }, (_, i) => [String(i), `Bearer ${damage(i)}`])
  return Object.fromEntries(entries.filter(([, value]) => value !== `Bearer ${token}`))
}

function replaced (index: number, characters: string): string {
  return token.slice(0, index) + characters + token.slice(index + 1)
}

function otherCase (character: string): string {
  return character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase()
}

/** Swaps the first two neighbours of the secret that differ. */
function swapped (text: string): string {
  return text.replace(/(?<=scim_.*)(.)(?!\1)(.)/, '$2$1')
}
