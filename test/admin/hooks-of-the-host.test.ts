import { EventEmitter, once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import type { onRequestAsyncHookHandler, RouteOptions } from 'fastify'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generate, generatePath, generateRequestHead, startHost, users } from '../helpers/host.ts'
import { exchange, listen, openSocket, parseResponse } from '../helpers/raw-http.ts'
import { generateToken } from '../../lib/token.ts'
import { uuid } from '../helpers/uuid.ts'

const secret = 'secret of the host'
const settingsPath = '/api/admin/scim-settings'
const apiError = { id: uuid, name: String, message: String, details: [{ message: String }] }

for (const kind of ['onSend', 'preSerialization'] as const) {
  for (const [what, headers, message] of [['the token is stored', admin, /may or may not have been stored/], ['a 401', {}, /nothing was changed/]] as const) {
    t.test(`an ${kind} hook fails for ${what}, and for the error response too -> one 500 in the shape of errors, and both are in the log`, async (t) => {
      let calls = 0
      const { app, log } = await startHost(t, {
        prepare: (app) => app.addHook(kind, async () => {
          calls++
          throw new Error(secret)
        })
      })
      const response = await generate(app, headers)
      t.equal(calls, 1, 'the error of a hook is sent without hooks')
      t.equal(response.statusCode, 500)
      t.matchOnly(response.json(), { ...apiError, message })
      t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
      t.match(log.filter(({ errorId }) => errorId === response.json().id), [{ level: 50, err: { message: secret } }])
    })
  }

  t.test(`handlerTimeout expires while an ${kind} hook waits with the token -> 503 without it, and what the hook does then is ignored`, async (t) => {
    const host = new EventEmitter()
    const hookErrors: Error[] = []
    let hasToken = false
    const { app, log, replaced } = await startHost(t, {
      server: { handlerTimeout: 30 },
      prepare: (app) => app
        .addHook(kind, async (_request, reply) => {
          hasToken ||= reply.statusCode === 200
          if (hasToken) await once(host, 'go on')
        })
        .addHook('onError', async (_request, _reply, error) => { hookErrors.push(error) })
    })
    const response = await generate(app)
    host.emit('go on')
    await setTimeout()
    t.equal(response.statusCode, 503)
    t.matchOnly(response.json(), { ...apiError, message: /may or may not have been stored/ })
    t.equal(replaced.length, 1)
    t.strictSame(hookErrors, [], 'the late response is not an error')
    t.match(log.filter(({ errorId }) => errorId !== undefined), [{ level: 50 }], 'one error is logged')
    t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
  })
}

t.test('handlerTimeout expires while a response is sent that a hook made a stream -> the host responds to the next call', async (t) => {
  const { app } = await startHost(t, {
    server: { handlerTimeout: 50 },
    prepare: (app) => app.addHook('onSend', async (request, _reply, payload) => request.headers['x-slow'] === undefined
      ? payload
      : Readable.from((async function * () {
        yield ' '
        await once(request.signal, 'abort')
        yield payload
      })())),
    routes: (app) => app.get('/alive', { handlerTimeout: 60_000 }, async () => 'yes')
  })
  // The newest Fastify cuts the connection, 5.8.1 sends it whole.
  await generate(app, { ...admin, 'x-slow': 'yes' }).catch(({ code }) => { t.equal(code, 'FST_ERR_HANDLER_TIMEOUT') })
  t.equal((await app.inject('/alive')).statusCode, 200)
})

t.test('a response passes the hooks while an onError hook of the host is slow -> it is sent, and the late error is ignored', async (t) => {
  const host = new EventEmitter()
  const { app } = await startHost(t, {
    server: { handlerTimeout: 30 },
    prepare: (app) => app
      .addHook('preHandler', async () => { await once(host, 'handle') })
      .addHook('onError', async (_request, reply) => {
        host.emit('handle')
        reply.raw.writeHead(418).end()
      })
  })
  t.equal((await generate(app)).statusCode, 418)
  t.equal((await generate(app)).statusCode, 418)
})

for (const [how, hook] of Object.entries<onRequestAsyncHookHandler>({
  'reply.type()': async (_request, reply) => { reply.type('text/html') },
  'reply.raw': async (_request, reply) => { reply.raw.setHeader('content-type', 'text/html') }
})) {
  t.test(`a hook sets the content type of other routes with ${how} -> the admin routes send JSON`, async (t) => {
    const { app } = await startHost(t, { options: { settingsRoutes: true }, prepare: (app) => app.addHook('onRequest', hook) })
    for (const [response, status] of [
      [await generate(app), 200],
      [await generate(app, {}), 401],
      [await app.inject({ url: settingsPath, headers: admin }), 200],
      [await app.inject({ url: settingsPath }), 401]
    ] as const) {
      t.equal(response.statusCode, status)
      t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
      t.type(response.json(), 'object')
    }
    const change = await app.inject({ method: 'POST', url: settingsPath, headers: admin, payload: { enabled: false } })
    t.match(change, { statusCode: 200, payload: '' })
  })
}

t.test('a settings change -> 200 without a body, and without a content type', async (t) => {
  const { app } = await startHost(t, { options: { settingsRoutes: true } })
  const response = await app.inject({ method: 'POST', url: settingsPath, headers: admin, payload: { enabled: false } })
  t.equal(response.statusCode, 200)
  t.equal(response.payload, '')
  t.equal(response.headers['content-type'], undefined)
})

t.test('a hook sets a header that is not valid -> 500 without it', async (t) => {
  const { app } = await startHost(t, { prepare: (app) => app.addHook('onSend', async (_request, reply) => { reply.header('x-invalid', 'a\nb') }) })
  const response = await generate(app)
  t.equal(response.statusCode, 500)
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  t.matchOnly(response.json(), { ...apiError, message: /The log of the server has the cause under this id\.$/ })
})

t.test('a hook sets a header that is not valid -> the connection is closed after the 500, as the response says', async (t) => {
  const { app } = await startHost(t, { prepare: (app) => app.addHook('onSend', async (_request, reply) => { reply.header('x-invalid', 'a\nb') }) })
  const received = await exchange(await listen(app), generateRequestHead({ ...admin, connection: 'keep-alive' }))
  t.equal(parseResponse(received).headers.get('connection'), 'close')
})

t.test('a compressing hook is followed by one that fails -> the error is not said to be compressed', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app
      .addHook('onSend', async (_request, reply, payload) => {
        reply.header('content-encoding', 'gzip').header('etag', '"1"').header('transfer-encoding', 'gzip, chunked')
        return payload
      })
      .addHook('onSend', async () => { throw new Error(secret) })
  })
  t.match((await generate(app)).headers, { 'content-encoding': undefined, etag: undefined, 'transfer-encoding': undefined })
})

for (const [method, payload] of [['find', {}], ['find with an error', new Error(secret)]] as const) {
  t.test(`handlerTimeout expires while ${method} is pending -> the 503 of Fastify, and the route does not run`, async (t) => {
    const host = new EventEmitter()
    let runs = 0
    const { app } = await startHost(t, {
      store: {
        ...memoryStore(),
        async find () {
          await once(host, 'settle')
          if (payload instanceof Error) throw payload
          return null
        }
      },
      routes (app) {
        app.addHook('onError', async () => {
          host.emit('settle')
          await setTimeout(20)
        })
        app.get('/scim', { handlerTimeout: 30, onRequest: app.verifyScimToken }, async () => { runs++ })
      }
    })
    const response = await app.inject({ url: '/scim', headers: { authorization: `Bearer ${generateToken()}` } })
    t.match(response.json(), { statusCode: 503, code: 'FST_ERR_HANDLER_TIMEOUT' })
    t.equal(runs, 0)
  })
}

t.test('handlerTimeout expires while a preHandler hook of the host waits, and it goes on while an onError hook runs -> 503, and the store is not called', async (t) => {
  const host = new EventEmitter()
  const { app, replaced } = await startHost(t, {
    server: { handlerTimeout: 30 },
    prepare: (app) => app
      .addHook('preHandler', async () => { await once(host, 'go on') })
      .addHook('onError', async () => {
        host.emit('go on')
        await setTimeout(20)
      })
  })
  const response = await generate(app)
  t.equal(response.statusCode, 503)
  t.matchOnly(response.json(), { ...apiError, message: /nothing was changed/ })
  t.strictSame(replaced, [])
})

t.test('find() takes a while on a host with handlerTimeout, which does not expire -> 200', async (t) => {
  const store = memoryStore()
  const { app } = await startHost(t, {
    server: { handlerTimeout: 60_000 },
    store: { ...store, find: async (context) => { await setTimeout(5); return await store.find(context) } },
    routes: (app) => app.get('/scim', { onRequest: app.verifyScimToken }, async () => ({}))
  })
  const { token } = (await generate(app)).json()
  t.equal((await app.inject({ url: '/scim', headers: { authorization: `Bearer ${token}` } })).statusCode, 200)
})

for (const method of ['authenticate', 'replace'] as const) {
  t.test(`handlerTimeout expires while ${method}() is pending, and it settles while an onError hook runs -> one 503`, async (t) => {
    const host = new EventEmitter()
    const settle = async () => { await once(host, 'settle') }
    const { app, log } = await startHost(t, {
      server: { handlerTimeout: 30 },
      ...(method === 'replace' && { store: { ...memoryStore(), replace: async () => { await settle(); return true } } }),
      ...(method === 'authenticate' && { resolver: { ...users, authenticate: async () => { await settle(); return null } } }),
      prepare: (app) => app.addHook('onError', async () => {
        host.emit('settle')
        await setTimeout(20)
      })
    })
    const response = await generate(app)
    t.equal(response.statusCode, 503)
    t.matchOnly(response.json(), apiError)
    t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
  })
}

const invalidBodies = ['null', '0', '"false"', '[]', '{}', '{"enabled":null}', '{"enabled":0}', '{"enabled":"false"}', '{"enabled":[false]}']

for (const [what, change] of Object.entries<(route: RouteOptions) => void>({
  'sets attachValidation': (route) => { route.attachValidation = true },
  'sets a validator that accepts everything': (route) => { route.validatorCompiler = () => () => true },
  'sets a validator that converts': (route) => { route.validatorCompiler = () => () => ({ value: { enabled: 1 } }) },
  'removes the schema': (route) => { delete route.schema }
})) {
  t.test(`an onRoute hook ${what} -> an invalid settings body still gets 400`, async (t) => {
    const changes: unknown[] = []
    const { app } = await startHost(t, {
      options: { settingsRoutes: true },
      store: { ...memoryStore(), setEnabled: (enabled) => { changes.push(enabled) } },
      prepare: (app) => app.addHook('onRoute', change)
    })
    for (const payload of invalidBodies) {
      const response = await app.inject({ method: 'POST', url: settingsPath, headers: { ...admin, 'content-type': 'application/json' }, payload })
      t.match(response, { statusCode: 400 }, payload)
      t.match(response.json(), { name: 'ValidationError', details: [{ path: String, message: String }] })
    }
    t.strictSame(changes, [])
  })
}

for (const part of ['headers', 'querystring', 'params']) {
  t.test(`an onRoute hook adds schema.${part} -> the settings routes respond as before`, async (t) => {
    const { app } = await startHost(t, {
      options: { settingsRoutes: true },
      prepare: (app) => app.addHook('onRoute', (route) => { route.schema = { ...route.schema, [part]: { type: 'object', properties: { 'x-id': { type: 'string' } } } } })
    })
    const url = settingsPath
    t.match(await app.inject({ url, headers: admin }), { statusCode: 200 })
    t.match(await app.inject({ method: 'POST', url, headers: admin, payload: { enabled: false } }), { statusCode: 200 })
    t.match(await app.inject({ method: 'POST', url, headers: admin, payload: { enabled: 0 } }), { statusCode: 400 })
  })
}

const otherRealm: Record<string, unknown> = {
  'an Error': runInNewContext('new Error("no session")'),
  'a TypeError': runInNewContext('new TypeError("no session")'),
  'an Error with another prototype': Object.setPrototypeOf(runInNewContext('new Error("no session")'), {}),
  'a wrapped false': Object(false)
}

for (const [what, user] of Object.entries(otherRealm)) {
  t.test(`authenticate() returns ${what} of another realm -> 500, no access and nothing stored`, async (t) => {
    const { app, replaced } = await startHost(t, { resolver: { authenticate: () => Object(user), authorize: () => true } })
    t.equal((await generate(app)).statusCode, 500)
    t.strictSame(replaced, [])
  })
}

for (const [status, method] of [[401, 'authenticate'], [403, 'authorize']] as const) {
  t.test(`${method}() throws an error with ${status} -> the log has it, with its cause and without its cookies`, async (t) => {
    const cause = new Error('the identity provider says invalid_client')
    const thrown = Object.assign(new Error('client secret has expired', { cause }), { statusCode: status, headers: { 'set-cookie': 'session=1' } })
    const { app, log } = await startHost(t, { resolver: { ...users, [method]: async () => { throw thrown } } })
    const response = await generate(app)
    t.equal(response.statusCode, status)
    const line = log.find(({ errorId }) => errorId === response.json().id)
    t.match(line, { level: 30, err: { stack: /client secret has expired[^]*invalid_client/ } })
    t.notMatch(JSON.stringify(line), 'session=1')
  })
}

for (const method of ['authenticate', 'authorize'] as const) {
  t.test(`the client disconnects while ${method}() runs -> one line of level info, and no error of the server`, async (t) => {
    const host = new EventEmitter()
    const { app, log, replaced } = await startHost(t, {
      resolver: { ...users, async [method] () { host.emit('called'); await once(host, 'settle'); return method === 'authorize' || { name: 'admin' } } },
      prepare: (app) => app.addHook('onRequestAbort', async (_request) => { host.emit('aborted') }).addHook('onSend', async () => { host.emit('sent') })
    })
    const socket = await openSocket(await listen(app))
    const called = once(host, 'called')
    socket.write(generateRequestHead(admin))
    await called
    const aborted = once(host, 'aborted')
    socket.destroy()
    await aborted
    const sent = once(host, 'sent')
    host.emit('settle')
    await sent
    t.match(log.filter(({ errorId }) => errorId), [{ level: 30, msg: 'the client has disconnected', err: { code: 'SCIM_ADMIN_DISCONNECTED' } }])
    t.strictSame(log.filter(({ level }) => level > 30), [])
    t.strictSame(replaced, [])
  })
}

/** Sends a request whose chunked body never ends, and returns the response, and how many bytes the server has read. */
async function sendEndless (url: string, path: string, authorization: string) {
  const socket = await openSocket(url)
  const response = new Promise<string>((resolve) => { socket.once('data', (data) => { resolve(String(data)) }) })
  const closed = new Promise((resolve) => { socket.once('close', resolve) })
  socket.on('error', () => {})
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const send = () => { while (!socket.destroyed && socket.write(chunk)); }
  socket.on('drain', send)
  send()
  const received = await response
  await closed
  return { received: parseResponse(received), sent: socket.bytesWritten }
}

for (const [what, path, authorization, status] of [
  ['unauthenticated', generatePath, 'nobody', 401],
  ['without the permission', generatePath, 'viewer', 403],
  ['generate', generatePath, 'admin', 200],
  ['a settings change', settingsPath, 'admin', 415],
  ['a SCIM request with a wrong token', '/scim', 'Bearer x', 401],
  ['a SCIM request without a token', '/scim', 'Basic x', 401]
] as const) {
  t.test(`an endless chunked body, ${what} -> ${status}, and the connection is closed`, async (t) => {
    const { app } = await startHost(t, {
      options: { settingsRoutes: true },
      routes: (app) => app.post('/scim', { onRequest: app.verifyScimToken }, async () => ({}))
    })
    const { received, sent } = await sendEndless(await listen(app), path, authorization)
    t.equal(received.status, status)
    t.equal(received.headers.get('connection'), 'close')
    t.ok(sent < 100_000_000, `${sent} bytes were sent until the connection was closed`)
  })
}

t.test('a chunked body that has arrived, or one of a known length -> the connection stays open', async (t) => {
  const { app } = await startHost(t, { store: { ...memoryStore(), replace: async () => { await setTimeout(5); return true } } })
  const url = await listen(app)
  for (const body of ['transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', 'content-length: 2\r\n\r\n{}']) {
    const first = `POST ${generatePath} HTTP/1.1\r\nhost: localhost\r\nauthorization: admin\r\n${body}`
    t.match(await exchange(url, first + generateRequestHead(admin)), /200 OK[^]*200 OK/)
  }
})
