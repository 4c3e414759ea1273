import { once } from 'node:events'
import { request } from 'node:http'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generateOverSocket, generatePath, generateRequestHead, startHost } from '../helpers/host.ts'
import { listen, openSocket, readAll, statusCodes } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'

const limit = 1024
const fiveMegabytes = 5 * 1024 * 1024

const chunked = (body: string) => (body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`) + '0\r\n\r\n'

const accepted: [what: string, headers: Record<string, string>, body?: string][] = [
  ['curl as documented: no body and no content type', {}],
  ["Unleash's admin UI: JSON with Content-Length 0 (nestjs issue 15743, embedpdf pull 771)", { 'content-type': 'application/json', 'content-length': '0' }],
  ['a client generated from the OpenAPI document: {}', { 'content-type': 'application/json', 'content-length': '2' }, '{}'],
  ['JSON with a charset', { 'content-type': 'application/json; charset=utf-8', 'content-length': '2' }, '{}'],
  ['truncated JSON', { 'content-type': 'application/json', 'content-length': '1' }, '{'],
  ['JSON with a __proto__ key', { 'content-type': 'application/json', 'content-length': '16' }, '{"__proto__": 1}'],
  ['JSON, chunked', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, chunked('{}')],
  ['JSON, chunked and empty', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, chunked('')],
  ['a body without a content type', { 'content-length': '2' }, '{}'],
  ['a body without a content type, chunked', { 'transfer-encoding': 'chunked' }, chunked('{}')],
  ['an HTML form', { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '3' }, 'a=b'],
  ['an HTML form without fields', { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' }],
  ['a multipart form', { 'content-type': 'multipart/form-data; boundary=b', 'content-length': '9' }, '--b--\r\n\r\n'],
  ['plain text', { 'content-type': 'text/plain', 'content-length': '5' }, 'hello'],
  ['XML', { 'content-type': 'application/xml', 'content-length': '4' }, '<a/>'],
  ['a body of exactly the limit', { 'content-length': String(limit) }, 'x'.repeat(limit)],
  ['a body of exactly the limit, chunked', { 'transfer-encoding': 'chunked' }, chunked('x'.repeat(limit))]
]

for (const [what, headers, body] of accepted) {
  t.test(`${what} -> 200, the body is ignored`, async (t) => {
    const { app } = await startHost(t)
    const response = await generateOverSocket(await listen(app), { ...admin, ...headers }, body)
    t.match(response, { status: 200, body: /^{"token":"scim_/ })
  })
}

const tooLarge: [what: string, headers: Record<string, string>, body?: string][] = [
  ['one byte over the limit', { 'content-length': String(limit + 1) }, 'x'.repeat(limit + 1)],
  ['Content-Length of 5 MB, nothing sent', { 'content-length': String(fiveMegabytes) }]
]

for (const [what, headers, body] of tooLarge) {
  t.test(`${what} -> 413 for an admin`, async (t) => {
    const { app, log, replaced } = await startHost(t)
    const response = await generateOverSocket(await listen(app), { ...admin, 'content-type': 'application/json', ...headers }, body)

    t.equal(response.status, 413)
    const error = JSON.parse(response.body)
    t.matchOnly(error, { id: uuid, name: 'PayloadTooLargeError', message: /too large/, details: [{ message: error.message }] })
    t.equal(log.filter(({ errorId }) => errorId === error.id).length, 1)
    t.same(replaced, [])
  })
}

t.test('unauthenticated with Content-Length of 5 MB, nothing sent -> 401', async (t) => {
  const { app } = await startHost(t)
  const response = await generateOverSocket(await listen(app), { 'content-type': 'application/json', 'content-length': String(fiveMegabytes) })
  t.match(response, { status: 401, body: /"AuthenticationRequired"/ })
})

t.test('unauthenticated while sending 5 MB -> 401 before the body is read', async (t) => {
  let read = 0
  const { app } = await startHost(t, {
    prepare: (app) => app.addHook('onSend', async (request) => { read = request.socket.bytesRead })
  })
  const upload = request(await listen(app) + generatePath, { method: 'POST', headers: { 'content-type': 'application/json' } })
  upload.end(Buffer.alloc(fiveMegabytes, '{'))

  const [response] = await once(upload, 'response')
  upload.destroy()
  t.equal(response.statusCode, 401)
  t.ok(read > 0 && read <= 65_536, `${read} bytes were read, at most one socket chunk`)
})

for (const [what, headers, body] of [['no body', {}, ''], ['a complete body', { 'content-type': 'application/json', 'content-length': '2' }, '{}']] as const) {
  t.test(`replace() never settles, request with ${what} -> 503 after the timeout`, async (t) => {
    const { app } = await startHost(t, { options: { timeout: 50 }, store: { ...memoryStore(), replace: () => new Promise(() => {}) } })
    t.match(await generateOverSocket(await listen(app), { ...admin, ...headers }, body), { status: 503, body: /may or may not have been stored/ })
  })
}

t.test('two calls with bodies on one connection -> two different tokens', async (t) => {
  const { app } = await startHost(t)
  const socket = await openSocket(await listen(app))
  const body = '{"a":1}'
  const first = generateRequestHead({ ...admin, connection: 'keep-alive', 'content-type': 'application/json', 'content-length': String(body.length) }) + body
  socket.write(first + generateRequestHead(admin))

  const received = await readAll(socket)
  t.strictSame(statusCodes(received), [200, 200])
  t.equal(new Set(received.match(/scim_\w+/g)).size, 2)
})
