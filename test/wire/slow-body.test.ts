import { EventEmitter, once } from 'node:events'
import { connect } from 'node:http2'
import { setImmediate as turn, setTimeout as timer } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import scimToken from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, startHost, users, type HostSetup } from '../helpers/host.ts'
import { listen, openSocket, parseResponse, readAll, statusCodes } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'

const path = '/api/admin/scim-settings'
const body = '{"enabled": true}'
const tooLargeChunk = '800\r\n' + 'x'.repeat(2048) + '\r\n'

/** Boots a host with the settings routes; `changes` is every call that the store got. */
async function startSettingsHost (t: Test, { options, ...setup }: HostSetup) {
  const changes: boolean[] = []
  const store = { ...memoryStore(), setEnabled (enabled: boolean) { changes.push(enabled) } }
  const { app, log } = await startHost(t, { store, ...setup, options: { settings: true, ...options } })
  return { url: await listen(app), changes, log }
}

/** Sends the head of a settings change and the first bytes of its body. */
async function sendHalf (url: string, framing: string, bytes: string) {
  const socket = await openSocket(url)
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: admin\r\ncontent-type: application/json\r\n${framing}\r\n\r\n${bytes}`)
  return socket
}

const halves: [what: string, framing: string, bytes: string][] = [
  ['does not arrive', `content-length: ${body.length}`, ''],
  ['arrives in part', `content-length: ${body.length}`, body.slice(0, 5)],
  ['is chunked and never ends', 'transfer-encoding: chunked', `${body.length.toString(16)}\r\n${body}\r\n`]
]

for (const [what, framing, bytes] of halves) {
  t.test(`a body ${what} within the timeout -> 408, the connection is closed and nothing is changed`, async (t) => {
    const { url, changes, log } = await startSettingsHost(t, { options: { timeout: 50 } })
    const { status, headers, body } = parseResponse(await readAll(await sendHalf(url, framing, bytes)))
    t.strictSame([status, headers.get('connection')], [408, 'close'])
    const error = JSON.parse(body)
    t.matchOnly(error, { id: uuid, name: 'RequestTimeoutError', message: /body.*50 ms.*nothing was changed/i, details: [{ message: error.message }] })
    t.match(log.filter(({ errorId }) => errorId === error.id), [{ level: 30 }])
    t.strictSame(changes, [])
  })
}

t.test('the rest of a body arrives after the 408 -> nothing is changed, and one response', async (t) => {
  const { url, changes, log } = await startSettingsHost(t, { options: { timeout: 50 } })
  const socket = await sendHalf(url, `content-length: ${body.length}`, body.slice(0, 5))
  socket.once('data', () => { socket.write(body.slice(5)) })
  t.strictSame(statusCodes(await readAll(socket)), [408])
  t.strictSame(changes, [])
  t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
})

for (const [what, rest] of [['valid', body.slice(5)], ['invalid', '}'.repeat(body.length - 5)]] as const) {
  t.test(`the ${what} rest of a body arrives while an onError hook of the host handles the 408 -> nothing is changed, and one response`, async (t) => {
    const calls = new EventEmitter()
    const failing = once(calls, 'onError')
    const { url, changes } = await startSettingsHost(t, {
      options: { timeout: 50 },
      prepare: (app) => app.addHook('onError', async () => {
        calls.emit('onError')
        await once(calls, 'go on')
      })
    })
    const socket = await sendHalf(url, `content-length: ${body.length}`, body.slice(0, 5))
    await failing
    socket.write(rest)
    // The server reads the rest before a request that is sent after it.
    t.equal((await fetch(url)).status, 404)
    calls.emit('go on')
    t.strictSame(statusCodes(await readAll(socket)), [408])
    t.strictSame(changes, [])
  })
}

t.test('timeout: 0 -> no limit for the body', async (t) => {
  const calls = new EventEmitter()
  const resolver = { ...users, authorize () { calls.emit('authorize'); return true } }
  const authorized = once(calls, 'authorize')
  const { url, changes } = await startSettingsHost(t, { options: { timeout: 0 }, resolver })
  const socket = await sendHalf(url, `connection: close\r\ncontent-length: ${body.length}`, body.slice(0, 5))
  await authorized
  await turn()
  // A timer fires after all of its length that were set before it, and Node.js makes 1 ms of 0.
  await timer(1)
  socket.write(body.slice(5))
  t.strictSame(statusCodes(await readAll(socket)), [200])
  t.strictSame(changes, [true])
})

t.test('a body arrives in time and the store is slow -> its own limit, not that of the body', async (t) => {
  const { app } = await startHost(t, {
    options: { settings: true, timeout: 50 },
    store: { ...memoryStore(), setEnabled: () => new Promise(() => {}) }
  })
  const response = await app.inject({ method: 'POST', url: path, headers: admin, body: { enabled: true } })
  t.equal(response.statusCode, 503)
})

t.test('a body over the limit is rejected -> no second response when the timeout expires', async (t) => {
  const { url, log } = await startSettingsHost(t, { options: { timeout: 50 } })
  const socket = await sendHalf(url, 'transfer-encoding: chunked', tooLargeChunk)
  t.strictSame(statusCodes(await readAll(socket)), [413])
  await timer(50)
  t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
  t.strictSame(log.filter(({ level }) => level > 30), [])
})

t.test('a body over the limit is rejected and an onSend hook of the host is slow -> the 413 is not mixed with a 408', async (t) => {
  const { url, log } = await startSettingsHost(t, {
    options: { timeout: 50 },
    prepare: (app) => app.addHook('onSend', async () => { await timer(50) })
  })
  const socket = await sendHalf(url, 'connection: close\r\ntransfer-encoding: chunked', tooLargeChunk)
  t.strictSame(statusCodes(await readAll(socket)), [413])
  t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
  t.strictSame(log.filter(({ level }) => level > 30), [])
})

t.test('an invalid body is rejected and an onSend hook of the host is slow -> the 400 is not mixed with a 408', async (t) => {
  const { app, log } = await startHost(t, {
    options: { settings: true, timeout: 50 },
    prepare: (app) => app.addHook('onSend', async () => {
      // A timer fires after all of its length that were set before it.
      await timer(50)
    })
  })
  const response = await app.inject({ method: 'POST', url: path, headers: { ...admin, 'content-type': 'application/json' }, payload: '{' })
  t.match(response, { statusCode: 400, payload: /ValidationError/ })
  t.strictSame(log.filter(({ level }) => level > 30), [])
})

const failures: Record<string, { framing: string, bytes: string, status: number, server?: { handlerTimeout: number } }> = {
  'an invalid body': { framing: 'content-length: 1', bytes: '{', status: 400 },
  'a body over the limit': { framing: 'transfer-encoding: chunked', bytes: tooLargeChunk, status: 413 },
  'handlerTimeout of the host': { framing: 'content-length: 17', bytes: '{', status: 503, server: { handlerTimeout: 25 } }
}
for (const [what, { framing, bytes, status, server = {} }] of Object.entries(failures)) {
  t.test(`the timeout expires in an onError hook of the host, because of ${what} -> ${status} and no other response`, async (t) => {
    const { url, log } = await startSettingsHost(t, {
      server,
      options: { timeout: 50 },
      prepare: (app) => app.addHook('onError', async () => { await timer(50) })
    })
    const socket = await sendHalf(url, `connection: close\r\n${framing}`, bytes)
    t.strictSame(statusCodes(await readAll(socket)), [status])
    t.equal(log.filter(({ errorId }) => errorId !== undefined).length, 1)
  })
}

t.test('a body arrives in time and a preValidation hook of the host is slow -> 200', async (t) => {
  const { app } = await startHost(t, {
    options: { settings: true, timeout: 50 },
    prepare: (app) => app.addHook('preValidation', async () => { await timer(50) })
  })
  const response = await app.inject({ method: 'POST', url: path, headers: admin, body: { enabled: true } })
  t.equal(response.statusCode, 200)
})

t.test('an HTTP/2 body does not arrive within the timeout -> 408, without a header that HTTP/2 does not allow', async (t) => {
  const warnings: Error[] = []
  const listener = (warning: Error) => { warnings.push(warning) }
  process.on('warning', listener)
  const app = Fastify({ http2: true })
  app.decorate('scimAuthResolver', users)
  app.decorate('scimTokenStore', memoryStore())
  app.register(scimToken, { settings: true, timeout: 50 })
  const client = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(async () => {
    process.off('warning', listener)
    client.destroy()
    await app.close()
  })
  const stream = client.request({ ':method': 'POST', ':path': path, ...admin, 'content-type': 'application/json' })
  stream.write(body.slice(0, 5))
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 408)
  t.strictSame(warnings.filter(({ name }) => name === 'UnsupportedWarning'), [])
  stream.close()
})
