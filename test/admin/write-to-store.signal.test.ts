import { EventEmitter, once } from 'node:events'
import { request as httpRequest } from 'node:http'
import t, { type Test } from 'tap'
import type { ScimWriteContext } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, startHost, type HostSetup } from '../helpers/host.ts'
import { listen, openSocket } from '../helpers/raw-http.ts'

const writes = {
  replace: { method: 'POST', url: '/api/admin/scim-settings/generate-new-token', headers: admin },
  setEnabled: { method: 'POST', url: '/api/admin/scim-settings', headers: admin, payload: { enabled: true } }
} as const
type Method = keyof typeof writes

/** Returns the request that calls the method, as a client on a socket sends it. */
function requestText (method: Method): string {
  const { url, payload = {} } = { payload: undefined, ...writes[method] }
  const body = JSON.stringify(payload)
  return `POST ${url} HTTP/1.1\r\nHost: localhost\r\nAuthorization: admin\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Starts a host whose writes call `write`, and returns what is needed to call it and to see its signal. */
async function startWriting (t: Test, method: Method, write: (context: ScimWriteContext) => any, setup: HostSetup = {}) {
  const signals: AbortSignal[] = []
  const call = (context: ScimWriteContext) => {
    signals.push(context.signal)
    return write(context)
  }
  const { app } = await startHost(t, {
    ...setup,
    options: { settingsRoutes: true, ...setup.options },
    store: {
      ...memoryStore(),
      ...(method === 'replace' ? { replace: (_record, context) => call(context) } : { setEnabled: (_enabled, context) => call(context) })
    }
  })
  return { app, signals, request: async () => await app.inject(writes[method]) }
}

for (const method of ['replace', 'setEnabled'] as const) {
  const result = method === 'replace' ? true : undefined

  t.test(`${method}() resolves -> 200, and its signal is not aborted`, async (t) => {
    const { signals, request } = await startWriting(t, method, async () => result)
    t.equal((await request()).statusCode, 200)
    t.equal((await request()).statusCode, 200)
    t.match(signals, [{ aborted: false }, { aborted: false }])
    t.not(signals[0], signals[1], 'each call has a signal of its own')
  })

  t.test(`${method}() resolves and an onSend hook fails -> 500, and its signal is not aborted`, async (t) => {
    const { signals, request } = await startWriting(t, method, () => result, {
      prepare: (app) => app.addHook('onSend', async (_request, reply) => {
        if (reply.statusCode === 200) throw new Error('this hook fails')
      })
    })
    t.match(await request(), { statusCode: 500, payload: /may or may not have been stored/ })
    t.match(signals, [{ aborted: false }])
  })

  t.test(`${method}() resolves and handlerTimeout expires while the response is sent -> 503, and its signal is not aborted`, async (t) => {
    const { signals, request } = await startWriting(t, method, async () => result, {
      server: { handlerTimeout: 50 },
      // If the hook resumed, Fastify would write the headers of both responses.
      prepare: (app) => app.addHook('onSend', async (_request, reply) => {
        if (reply.statusCode === 200) await new Promise(() => {})
      })
    })
    t.match(await request(), { statusCode: 503 })
    t.match(signals, [{ aborted: false }])
  })

  const failures: Record<string, () => unknown> = {
    throws: () => { throw new Error('full disk') },
    rejects: async () => { throw new Error('full disk') }
  }
  for (const [how, write] of Object.entries(failures)) {
    t.test(`${method}() ${how} -> 503, and its signal is aborted`, async (t) => {
      const { signals, request } = await startWriting(t, method, write)
      t.match(await request(), { statusCode: 503 })
      t.match(signals, [{ aborted: true }])
    })
  }

  t.test(`${method}() times out and an onError hook of the host is slow -> its signal is aborted before that hook`, async (t) => {
    const { signals, request } = await startWriting(t, method, () => new Promise(() => {}), {
      options: { timeout: 50 },
      prepare: (app) => app.addHook('onError', async () => { t.match(signals, [{ aborted: true }]) })
    })
    t.match(await request(), { statusCode: 503 })
  })

  const limits: Record<string, HostSetup> = {
    'its own timeout': { options: { timeout: 50 } },
    'the handlerTimeout of the host': { server: { handlerTimeout: 50 } }
  }
  for (const [limit, setup] of Object.entries(limits)) {
    t.test(`${method}() outlasts ${limit} -> its signal is aborted before the 503 is sent, and once`, async (t) => {
      const store = new EventEmitter()
      const order: string[] = []
      const { signals, request } = await startWriting(t, method, async ({ signal }) => {
        signal.addEventListener('abort', () => { order.push('aborted') })
        await once(store, 'late')
        order.push('late')
        return result
      }, {
        ...setup,
        prepare: (app) => app.addHook('onSend', async () => { order.push('sent') })
      })
      t.match(await request(), { statusCode: 503, payload: /may or may not have been stored/ })
      store.emit('late')
      await new Promise(setImmediate)
      t.strictSame(order, ['aborted', 'sent', 'late'])
      t.match(signals, [{ aborted: true, reason: { name: 'AbortError' } }])
    })
  }
}

for (const method of ['replace', 'setEnabled'] as const) {
  const result = method === 'replace' ? true : undefined

  for (const [server, serverOptions] of Object.entries({ 'a server': {}, 'a server with handlerTimeout': { handlerTimeout: 60_000 } })) {
    t.test(`the client of ${server} disconnects while ${method}() runs -> its signal is aborted`, async (t) => {
      const store = new EventEmitter()
      const { app } = await startWriting(t, method, async ({ signal }) => {
        store.emit('called', signal)
        await once(store, 'late')
        return result
      }, { server: serverOptions, options: { timeout: 0 } })
      const called = once(store, 'called')
      const { url, payload = {}, headers } = { payload: undefined, ...writes[method] }
      const request = httpRequest(await listen(app) + url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } })
      request.on('error', () => {}).end(JSON.stringify(payload))
      const [signal] = await called
      const aborted = once(signal, 'abort')
      request.destroy()
      await t.resolves(aborted)
      store.emit('late')
    })
  }

  t.test(`the client disconnects while 20 pipelined ${method}() run -> the signal of each is aborted, and Node.js does not warn`, async (t) => {
    const store = new EventEmitter().setMaxListeners(0)
    const warnings: Error[] = []
    const warn = (warning: Error) => { warnings.push(warning) }
    process.on('warning', warn)
    t.teardown(() => process.removeListener('warning', warn))
    const { app, signals } = await startWriting(t, method, async () => {
      if (signals.length === 20) store.emit('called')
      await once(store, 'late')
      return result
    }, { options: { timeout: 0 } })
    const called = once(store, 'called')
    const socket = await openSocket(await listen(app))
    socket.write(requestText(method).repeat(20))
    await called
    const aborted = Promise.all(signals.map(async (signal) => await once(signal, 'abort')))
    socket.destroy()
    await t.resolves(aborted)
    t.strictSame(warnings, [])
    store.emit('late')
  })

  t.test(`the client disconnects after the response of ${method}() -> its signal is not aborted`, async (t) => {
    const server = new EventEmitter()
    const { app, signals } = await startWriting(t, method, async ({ request }) => {
      request.raw.socket.once('close', () => { server.emit('closed') })
      return result
    })
    const closed = once(server, 'closed')
    const socket = await openSocket(await listen(app))
    socket.write(requestText(method))
    const [response] = await once(socket, 'data')
    t.match(String(response), /^HTTP\/1\.1 200 OK/)
    socket.destroy()
    await closed
    await new Promise(setImmediate)
    t.match(signals, [{ aborted: false }])
  })

  t.test(`a hook of the host has responded while ${method}() runs -> its signal is aborted`, async (t) => {
    const store = new EventEmitter()
    const { signals, request } = await startWriting(t, method, async ({ signal }) => {
      store.emit('called')
      await once(signal, 'abort')
      return result
    }, {
      prepare: (app) => app.addHook('onRequest', async (_request, reply) => {
        store.once('called', () => { reply.code(504).send('too slow') })
      })
    })
    t.match(await request(), { statusCode: 504, payload: 'too slow' })
    t.match(signals, [{ aborted: true }])
  })
}

t.test('one of two concurrent calls times out -> only its signal is aborted', async (t) => {
  const { app, signals } = await startWriting(t, 'replace', ({ request }) =>
    request.headers['x-slow'] === undefined || new Promise(() => {}), { options: { timeout: 50 } })
  const slow = app.inject({ ...writes.replace, headers: { ...admin, 'x-slow': 'yes' } })
  const fast = app.inject(writes.replace)
  t.match(await Promise.all([slow, fast]), [{ statusCode: 503 }, { statusCode: 200 }])
  t.match(signals, [{ aborted: true }, { aborted: false }])
})
