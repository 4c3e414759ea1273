import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import rateLimit from '@fastify/rate-limit'
import { httpErrors } from '@fastify/sensible'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { ScimError, sendScimError, verifyScimToken } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { startHost, type HostSetup } from '../helpers/host.ts'
import { exchange, listen, parseResponse, type HttpResponse } from '../helpers/raw-http.ts'

const internals = 'connect to db.internal as scim_owner'
const schemas = ['urn:ietf:params:scim:api:messages:2.0:Error']

/** Starts a host whose SCIM scope has the error handler. */
async function startScimHost (t: Test, routes: (scim: FastifyInstance) => unknown, setup: HostSetup = {}) {
  return await startHost(t, {
    ...setup,
    routes: (app) => app.register(async (scim) => {
      scim.setErrorHandler(sendScimError)
      await routes(scim)
    }, { prefix: '/scim' })
  })
}

async function throwInRoute (t: Test, thrown: unknown) {
  const { app, log } = await startScimHost(t, (scim) => { scim.get('/Users', async () => { throw thrown }) })
  const response = await app.inject('/scim/Users')
  t.match(response.headers['content-type'], /^application\/scim\+json/)
  return { response, lines: log.filter(({ err }) => err !== undefined) }
}

const failed = { schemas, status: '500', detail: 'Something went wrong on the server. Its log has the cause.' }

const unexpected: [what: string, thrown: unknown, logged: string][] = [
  ['an Error', new Error(internals), internals],
  ['an Error with a 5xx', Object.assign(new Error(internals), { statusCode: 500 }), internals],
  ['an Error with a status of success', Object.assign(new Error(internals), { statusCode: 200 }), internals],
  ['a string', internals, internals],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['an object without a message', { rows: [] }, 'an object without a message'],
  ['an object whose message cannot be read', { get message () { throw new Error('no') } }, 'an object without a message'],
  ['an object with a symbol as its message', { message: Symbol('x') }, 'an object without a message']
]
for (const [what, thrown, logged] of unexpected) {
  t.test(`a route throws ${what} -> 500 without its message, which the log has`, async (t) => {
    const { response, lines } = await throwInRoute(t, thrown)
    t.equal(response.statusCode, 500)
    t.strictSame(response.json(), failed)
    t.match(lines, [{ level: 50, msg: logged, err: { message: logged } }])
    t.equal(lines.length, 1)
  })
}

t.test('a route throws an error with a 4xx -> its status and message, logged as info', async (t) => {
  const { response, lines } = await throwInRoute(t, httpErrors.createError(409, 'The name is taken.', { headers: { 'x-hint': 'rename' } }))
  t.equal(response.statusCode, 409)
  t.strictSame(response.json(), { schemas, status: '409', detail: 'The name is taken.' })
  t.equal(response.headers['x-hint'], 'rename')
  t.match(lines, [{ level: 30, err: { message: 'The name is taken.' } }])
})

t.test('a route throws an error with 400 -> no scimType, which would blame the body, and no Retry-After', async (t) => {
  const { response } = await throwInRoute(t, httpErrors.badRequest('The attribute is unknown.'))
  t.strictSame(response.json(), { schemas, status: '400', detail: 'The attribute is unknown.' })
  t.notOk('retry-after' in response.headers)
})

t.test('a route throws a ScimError -> its body, headers and scimType', async (t) => {
  const error = new ScimError({ statusCode: 400, scimType: 'invalidFilter', message: 'The filter is invalid.', headers: { 'x-hint': 'filter' } })
  const { response, lines } = await throwInRoute(t, error)
  t.equal(response.statusCode, 400)
  t.strictSame(response.json(), { schemas, status: '400', scimType: 'invalidFilter', detail: 'The filter is invalid.' })
  t.equal(response.headers['x-hint'], 'filter')
  t.match(lines, [{ level: 30 }])
})

t.test('a route throws a ScimError with 503 and a cause -> its message is sent, with Retry-After, and the log has the cause', async (t) => {
  const { response, lines } = await throwInRoute(t, new ScimError({ statusCode: 503, message: 'Try again.', cause: new Error(internals) }))
  t.strictSame([response.statusCode, response.headers['retry-after'], response.json().detail], [503, '5', 'Try again.'])
  t.match(lines, [{ level: 50, err: { message: /db\.internal/ } }])
})

const dropped = {
  connection: 'close',
  'http2-settings': 'a',
  'keep-alive': 'timeout=5',
  'proxy-authenticate': 'Basic',
  te: 'gzip',
  trailer: 'x',
  'transfer-encoding': 'chunked',
  Upgrade: 'h2c',
  'content-digest': 'a',
  'content-encoding': 'gzip',
  'content-length': '3',
  'content-md5': 'a',
  'content-range': 'bytes 0-1/2',
  'set-cookie': ['session=1', 'user=1'],
  'x-character': 'ž',
  'x y': '1',
  ':status': '200',
  'x-symbol': Symbol('1'),
  'x-symbols': [Symbol('1')],
  'x-undefined': undefined,
  'x-undefineds': [undefined],
  get 'x-getter' () { throw new Error('no') }
}
const kept = {
  allow: 'GET',
  'content-language': 'en',
  'content-security-policy': "default-src 'none'",
  etag: '"1"',
  link: '</scim>',
  location: ['/Users/1'],
  'retry-after': 5,
  tenant: 'a',
  'www-authenticate': ['Bearer', 'Basic'],
  'x-content-type-options': ['nosniff', 'nosniff'],
  'x-hint': 'rename'
}

for (const http2 of [false, true]) {
  t.test(`an error has headers that are invalid or of another message -> they are dropped, and others are sent, on HTTP/${http2 ? 2 : 1}`, async (t) => {
    const headers = Object.defineProperties({ ...kept }, Object.getOwnPropertyDescriptors(dropped))
    const app: FastifyInstance = http2 ? Object(Fastify({ http2 })) : Fastify()
    t.teardown(() => app.close())
    app.setErrorHandler(sendScimError)
    app.get('/error', async () => { throw Object.assign(new Error('The name is taken.'), { statusCode: 409, headers }) })
    app.get('/scim', async () => { throw new ScimError({ statusCode: 409, message: 'The name is taken.', headers: Object({ ...kept, 'x-character': 'ž' }) }) })
    const url = await listen(app)
    for (const path of ['/error', '/scim']) {
      const { status, headers, body } = http2 ? await getOverHttp2(url, path) : parseResponse(await exchange(url, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`))
      t.equal(status, 409)
      t.strictSame(JSON.parse(body), { schemas, status: '409', detail: 'The name is taken.' })
      t.match(Object.fromEntries(headers), Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, [value].flat().join(', ')])))
      const names = Object.keys(dropped).map((name) => name.toLowerCase())
      // The response has its own, of the request's connection and of this body.
      t.strictSame(names.filter((name) => [...headers.keys()].includes(name) && !['connection', 'content-length'].includes(name)), [])
      t.equal(headers.get('content-length'), String(body.length))
    }
  })
}

async function getOverHttp2 (url: string, path: string): Promise<HttpResponse> {
  const client = connect(url)
  const stream = client.request({ ':path': path })
  const [{ ':status': status, ...headers }] = await once(stream, 'response')
  const body = await text(stream)
  client.close()
  return { status, headers: new Headers(Object.entries(headers)), body }
}

t.test('a host catches the 401 of verifyScimToken, and then throws an error with 503 -> 503, as providers stop after a 401', async (t) => {
  const { app } = await startScimHost(t, (scim) => {
    scim.get('/Users', async (request, reply) => {
      await verifyScimToken(request, reply).catch(() => {})
      throw new ScimError({ statusCode: 503, message: 'Try again.' })
    })
  })
  const response = await app.inject('/scim/Users')
  t.equal(response.statusCode, 503)
  t.match(response.json(), { status: '503', detail: 'Try again.' })
})

t.test('an async error handler of the host calls it and returns the reply, and an onSend hook is slow -> the SCIM error', async (t) => {
  const { app } = await startHost(t, {
    routes: (scim) => {
      scim.addHook('onSend', async () => { await setImmediate() })
      scim.setErrorHandler(async (error, request, reply) => {
        sendScimError(error, request, reply)
        return reply
      })
      scim.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
    }
  })
  const response = await app.inject('/scim/Users')
  t.equal(response.statusCode, 401)
  t.match(response.json(), { schemas, status: '401' })
})

for (const [status, ofError, sent] of [[401, undefined, 401], [401, 409, 401], [401, 499, 401], [401, 500, 500], [499, 503, 503], [500, 503, 500], [503, 500, 503], [503, 409, 503], [399, 409, 409]] as const) {
  t.test(`a hook of the host has set ${status} and the error has ${ofError} -> ${sent}`, async (t) => {
    const { app } = await startScimHost(t, (scim) => {
      scim.get('/Users', async (_request, reply) => {
        reply.code(status)
        throw Object.assign(new Error(internals), ofError && { statusCode: ofError })
      })
    })
    const response = await app.inject('/scim/Users')
    t.equal(response.statusCode, sent)
    t.equal(response.json().status, String(sent))
  })
}

t.test('a hook of the host has set a status and Retry-After -> they are kept', async (t) => {
  const { app } = await startScimHost(t, (scim) => {
    scim.addHook('onRequest', async (_request, reply) => {
      reply.code(503).header('retry-after', '60')
      throw new Error(internals)
    })
    scim.get('/Users', async () => ({}))
  })
  const response = await app.inject('/scim/Users')
  t.strictSame([response.statusCode, response.headers['retry-after'], response.json().status], [503, '60', '503'])
  t.notMatch(response.payload, internals)
})

t.test('the token is rejected, or the store fails -> the same response as without the error handler', async (t) => {
  const failing = { ...memoryStore(), find: async () => { throw new Error(internals) } }
  const token = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'
  for (const [store, headers, status, header, value] of [
    [memoryStore(), {}, 401, 'www-authenticate', 'Bearer realm="SCIM"'],
    [memoryStore(), { authorization: 'Bearer x' }, 401, 'www-authenticate', 'Bearer realm="SCIM", error="invalid_token"'],
    [failing, { authorization: `Bearer ${token}` }, 503, 'retry-after', '5']
  ] as const) {
    const { app } = await startScimHost(t, (scim) => { scim.get('/Users', { onRequest: verifyScimToken }, async () => ({})) }, { store })
    const plain = await startHost(t, { store, routes: (app) => { app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({})) } })
    const [response, expected] = [await app.inject({ url: '/scim/Users', headers }), await plain.app.inject({ url: '/scim/Users', headers })]
    t.strictSame([response.statusCode, response.headers[header]], [status, value])
    t.match(response.headers['content-type'], /^application\/scim\+json/)
    t.strictSame(response.json(), expected.json())
  }
})

t.test('Fastify rejects a request of the scope -> 400, 404, 413 and 415 as SCIM errors', async (t) => {
  const { app } = await startScimHost(t, (scim) => {
    scim.setNotFoundHandler(() => { throw httpErrors.notFound('There is no such SCIM endpoint.') })
    scim.post('/Users', { bodyLimit: 32, schema: { body: { type: 'object', required: ['userName'] } } }, async () => ({}))
  })
  const post = async (payload: string, type = 'application/json') => await app.inject({ method: 'POST', url: '/scim/Users', headers: { 'content-type': type }, payload })
  for (const [response, status, scimType] of [
    [await post('{'), 400, 'invalidSyntax'],
    [await post(''), 400, 'invalidSyntax'],
    [await post('{}'), 400, 'invalidSyntax'],
    [await post(JSON.stringify({ userName: 'a'.repeat(40) })), 413, undefined],
    [await post('<a/>', 'text/xml'), 415, undefined],
    [await app.inject('/scim/Nothing'), 404, undefined]
  ] as const) {
    t.equal(response.statusCode, status)
    t.match(response.headers['content-type'], /^application\/scim\+json/)
    t.match(response.json(), { schemas, status: String(status), detail: String, ...(scimType && { scimType }) })
    t.equal(response.json().scimType, scimType)
  }
})

t.test('a rate limiter rejects a request -> 429 as a SCIM error, with its headers', async (t) => {
  const { app } = await startScimHost(t, async (scim) => {
    await scim.register(rateLimit, { max: 1 })
    scim.get('/Users', async () => ({}))
  })
  await app.inject('/scim/Users')
  const response = await app.inject('/scim/Users')
  t.equal(response.statusCode, 429)
  t.ok(response.headers['retry-after'])
  t.match(response.json(), { schemas, status: '429', detail: /Rate limit exceeded/ })
})

t.test('a preSerialization hook and a serializer of the scope change bodies -> the error keeps its shape', async (t) => {
  const { app } = await startScimHost(t, (scim) => {
    scim.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload }))
    scim.setReplySerializer((payload) => `<xml>${JSON.stringify(payload)}</xml>`)
    scim.get('/Users', async () => { throw new Error(internals) })
  })
  const response = await app.inject('/scim/Users')
  t.strictSame(response.json(), failed)
  t.equal(response.headers['content-type'], 'application/scim+json; charset=utf-8')
})
