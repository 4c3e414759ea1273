import t from 'tap'
import { exchange, listen, parseResponse, statusCodes } from '../helpers/raw-http.ts'
import { accepted, malformedToken, unknownToken, noAuthorizationHeader, schemeNotBearer, surroundedToken, toScimResponse, type ScimResponse } from '../helpers/scim-responses.ts'
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

t.test('optional white space around the header value (RFC 9110, section 5.5) -> accepted', async (t) => {
  const lines = [`Authorization:Bearer ${token}`, `Authorization: \t Bearer ${token} \t `, `AUTHORIZATION: Bearer ${token}`, `authorization: Bearer ${token}`]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => accepted))
})

t.test('each of the 256 bytes between scheme and token -> only a space is accepted', async (t) => {
  t.strictSame(await withEachByte('Authorization: Bearer', token), expected((byte) => {
    if (byte === space) return accepted
    return isControl(byte) ? badRequest : schemeNotBearer
  }))
})

t.test('each of the 256 bytes inserted into the token -> 401 or 400 without a store call', async (t) => {
  const before = finds()
  t.strictSame(
    await withEachByte(`Authorization: Bearer ${token.slice(0, 20)}`, token.slice(20)),
    expected((byte) => {
      if (isControl(byte)) return badRequest
      return /\w/.test(String.fromCharCode(byte)) ? malformedToken : surroundedToken
    })
  )
  t.equal(finds(), before, 'find() is not called')
})

t.test('each of the 256 bytes after the token -> only white space is accepted', async (t) => {
  t.strictSame(await withEachByte(`Authorization: Bearer ${token}`, ''), expected((byte) => {
    if (byte === space || byte === tab) return accepted
    return isControl(byte) ? badRequest : surroundedToken
  }))
})

t.test('a folded header -> 400', async (t) => {
  const lines = [`Authorization: Bearer\r\n ${token}`, `Authorization:\r\n\tBearer ${token}`, `Authorization: Bearer ${token}\r\n `]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => badRequest))
})

t.test('a space before the colon -> 400, or 401 on older Node.js', async (t) => {
  // Older patches of Node.js parse it as a header of another name.
  t.match(await send(`Authorization : Bearer ${token}`), { status: /^(400|401)$/ })
})

t.test('non-ASCII characters in the token -> 401 invalid_token', async (t) => {
  const lines = [`Authorization: Bearer ${token}é`, `Authorization: Bearer 🔑${token}`]
  t.strictSame(await Promise.all(lines.map((line) => send(line))), lines.map(() => surroundedToken))
})

t.test('several Authorization headers -> only the first is read, as Node.js does by default', async (t) => {
  const right = `Authorization: Bearer ${token}`
  const wrong = `Authorization: Bearer ${wrongToken(token, 5)}`
  t.strictSame(await send(`${right}\r\n${wrong}`), accepted)
  t.strictSame(await send(`${wrong}\r\n${right}`), unknownToken)
  t.strictSame(await send(`Authorization: Basic eDp5\r\n${right}`), schemeNotBearer)
  t.strictSame(await send(`Authorization:\r\n${right}`), schemeNotBearer)
})

t.test('several Authorization headers, joined by the host -> 401', async (t) => {
  const { app, generate } = await startScimHost(t, { server: { http: { joinDuplicateHeaders: true } } })
  const right = `Authorization: Bearer ${await generate()}`
  const url = await listen(app)
  t.strictSame(await send(right, url), accepted)
  t.strictSame(await send(`${right}\r\n${right}`, url), surroundedToken)
})

t.test('a header of 8 KB -> read; one over the limit of Node.js -> 431', async (t) => {
  t.strictSame(await send(`Authorization: Bearer ${token.repeat(150)}`), malformedToken)
  t.strictSame(await send(`Authorization: ${'a'.repeat(8192)}`), schemeNotBearer)
  t.strictSame(await send(`Authorization: Bearer${' '.repeat(8192)}${token}`), accepted)
  t.equal((await send(`Authorization: Bearer ${token.repeat(350)}`)).status, 431)
})

t.test('a token sent one byte at a time -> accepted', async (t) => {
  const request = `GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`
  t.strictSame(parse(await exchange(url, ...request)), accepted)
})

t.test('a second request without a token on the same connection -> 401', async (t) => {
  const received = await exchange(
    url,
    `GET /scim/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    'GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  )
  t.strictSame(statusCodes(received), [200, 401])
})

t.test('no token and a body that is never sent -> 401', async (t) => {
  t.strictSame(parse(await exchange(url, 'POST /scim/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nConnection: close\r\n\r\n')), noAuthorizationHeader)
})

t.test('a token in a trailer -> 401, as if none was sent', async (t) => {
  t.strictSame(parse(await exchange(
    url,
    'POST /scim/Users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n',
    `0\r\nAuthorization: Bearer ${token}\r\n\r\n`
  )), noAuthorizationHeader)
})

/** RFC 9110, section 5.5, forbids these bytes in header values: Node.js responds with 400. */
function isControl (byte: number): boolean {
  return (byte < space && byte !== tab) || byte === 0x7f
}

/** Sends a request for each byte value, placed between two parts of a header line. */
async function withEachByte (before: string, after: string): Promise<ScimResponse[]> {
  return await Promise.all(bytes.map(async (byte) =>
    await send(Buffer.concat([Buffer.from(before), Buffer.of(byte), Buffer.from(after)]))))
}

function expected (responseTo: (byte: number) => ScimResponse): ScimResponse[] {
  return bytes.map(responseTo)
}

/** Sends a SCIM request that ends with these header lines. */
async function send (lines: string | Buffer, to = url): Promise<ScimResponse> {
  const head = 'GET /scim/Users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
  return parse(await exchange(to, Buffer.concat([head, lines, '\r\n\r\n'].map((part) => Buffer.from(part)))))
}

function parse (received: string): ScimResponse {
  const { status, headers, body } = parseResponse(received)
  return toScimResponse(status, (name) => headers.get(name) ?? undefined, body)
}
