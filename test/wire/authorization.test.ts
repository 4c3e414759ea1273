import t from 'tap'
import { exchange, listen, parseResponse, statusCodes } from '../helpers/raw-http.ts'
import { accepted, malformedToken, unknownToken, noAuthorizationHeader, schemeNotBearer, toScimResponse, type ScimResponse } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'
import { wrongToken } from '../helpers/tokens.ts'

const tab = 0x09
const space = 0x20
const bytes = Array.from({ length: 256 }, (_, byte) => byte)

const badRequest: ScimResponse = {
  status: 400,
  type: 'application/json',
  body: '{"error":"Bad Request","message":"Client Error","statusCode":400}'
}

const { app, finds, generate } = await startScimHost(t)
const token = await generate()
const url = await listen(app)

t.test('white space around the value is none of it (RFC 9110, section 5.5)', async (t) => {
  const lines = [`Authorization:Bearer ${token}`, `Authorization: \t Bearer ${token} \t `, `AUTHORIZATION: Bearer ${token}`, `authorization: Bearer ${token}`]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => accepted))
})

t.test('of all bytes, only a space parts the scheme from the token', async (t) => {
  t.strictSame(await withEachByte('Authorization: Bearer', token), expected((byte) => {
    if (byte === space) return accepted
    return isControl(byte) ? badRequest : schemeNotBearer
  }))
})

t.test('no byte is let in within a token', async (t) => {
  const before = finds()
  t.strictSame(
    await withEachByte(`Authorization: Bearer ${token.slice(0, 20)}`, token.slice(20)),
    expected((byte) => isControl(byte) ? badRequest : malformedToken)
  )
  t.equal(finds(), before, 'the store is not asked')
})

t.test('no byte but white space is let in after a token', async (t) => {
  t.strictSame(await withEachByte(`Authorization: Bearer ${token}`, ''), expected((byte) => {
    if (byte === space || byte === tab) return accepted
    return isControl(byte) ? badRequest : malformedToken
  }))
})

t.test('a folded header is refused', async (t) => {
  const lines = [`Authorization: Bearer\r\n ${token}`, `Authorization:\r\n\tBearer ${token}`, `Authorization: Bearer ${token}\r\n `]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => badRequest))
})

t.test('a space before the colon is refused', async (t) => {
  // Older patches of Node.js take it for a header of another name.
  t.match(await send(`Authorization : Bearer ${token}`), { status: /^(400|401)$/ })
})

t.test('UTF-8 is no part of a token', async (t) => {
  const lines = [`Authorization: Bearer ${token}é`, `Authorization: Bearer 🔑${token}`]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => malformedToken))
})

t.test('of several Authorization headers the first counts, as everywhere in Node.js', async (t) => {
  const right = `Authorization: Bearer ${token}`
  const wrong = `Authorization: Bearer ${wrongToken(token, 5)}`
  t.strictSame(await send(`${right}\r\n${wrong}`), accepted)
  t.strictSame(await send(`${wrong}\r\n${right}`), unknownToken)
  t.strictSame(await send(`Authorization: Basic eDp5\r\n${right}`), schemeNotBearer)
  t.strictSame(await send(`Authorization:\r\n${right}`), schemeNotBearer)
})

t.test('of several Authorization headers none counts where the host joins them', async (t) => {
  const { app, generate } = await startScimHost(t, { server: { http: { joinDuplicateHeaders: true } } })
  const right = `Authorization: Bearer ${await generate()}`
  const url = await listen(app)
  t.strictSame(await send(right, url), accepted)
  t.strictSame(await send(`${right}\r\n${right}`, url), malformedToken)
})

t.test('a header of 8 KB is read, and one too long for Node.js refused', async (t) => {
  t.strictSame(await send(`Authorization: Bearer ${token.repeat(150)}`), malformedToken)
  t.strictSame(await send(`Authorization: ${'a'.repeat(8192)}`), schemeNotBearer)
  t.strictSame(await send(`Authorization: Bearer${' '.repeat(8192)}${token}`), accepted)
  t.equal((await send(`Authorization: Bearer ${token.repeat(350)}`)).status, 431)
})

t.test('a token that comes a byte at a time is let in', async (t) => {
  const request = `GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`
  t.strictSame(parse(await exchange(url, ...request)), accepted)
})

t.test('a token counts for its request only, on a connection that is kept', async (t) => {
  const received = await exchange(
    url,
    `GET /scim/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    'GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  )
  t.strictSame(statusCodes(received), [200, 401])
})

t.test('a request without a token is refused before its body is sent', async (t) => {
  t.strictSame(parse(await exchange(url, 'POST /scim/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nConnection: close\r\n\r\n')), noAuthorizationHeader)
})

t.test('a token in a trailer is not looked at', async (t) => {
  t.strictSame(parse(await exchange(
    url,
    'POST /scim/Users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n',
    `0\r\nAuthorization: Bearer ${token}\r\n\r\n`
  )), noAuthorizationHeader)
})

/** Those that RFC 9110, section 5.5, allows in no value: Node.js refuses the request. */
function isControl (byte: number): boolean {
  return (byte < space && byte !== tab) || byte === 0x7f
}

async function withEachByte (before: string, after: string): Promise<ScimResponse[]> {
  return await Promise.all(bytes.map(async (byte) =>
    await send(Buffer.concat([Buffer.from(before), Buffer.of(byte), Buffer.from(after)]))))
}

function expected (answer: (byte: number) => ScimResponse): ScimResponse[] {
  return bytes.map(answer)
}

/** Sends a SCIM request with these bytes for its last header lines. */
async function send (lines: string | Buffer, to = url): Promise<ScimResponse> {
  const head = 'GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
  return parse(await exchange(to, Buffer.concat([head, lines, '\r\n\r\n'].map((part) => Buffer.from(part)))))
}

function parse (received: string): ScimResponse {
  const { status, headers, body } = parseResponse(received)
  return toScimResponse(status, (name) => headers.get(name) ?? undefined, body)
}
