import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { failures, internals } from '../helpers/failures.ts'
import { admin, generate, generateRequestHead, startHost, users, type HostSetup } from '../helpers/host.ts'
import { listen, openSocket } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'

const unconfirmed = /may or may not have been stored\. It is safe to try again/
const nothingChanged = /nothing was changed/

for (const { how, call, logged } of failures) {
  t.test(`replace() ${how} -> 503 that says the outcome is unknown, without a token`, async (t) => {
    const { app, log } = await startHost(t, { store: { ...memoryStore(), replace: call } })
    const response = await generate(app)

    t.equal(response.statusCode, 503)
    const error = response.json()
    t.matchOnly(error, { id: uuid, name: 'ServiceUnavailableError', message: unconfirmed, details: [{ message: error.message }] })
    t.notMatch(response.payload + JSON.stringify(response.headers), internals)
    t.match(log.filter(({ errorId }) => errorId === error.id), [{ level: 50, msg: 'scimTokenStore.replace failed', err: { message: logged } }])
  })
}

// A type checker rejects these, but a host may be plain JavaScript.
const wrongReturnValues: any[] = [undefined, null, 0, 1, '', 'true', {}, []]
for (const value of wrongReturnValues) {
  t.test(`replace() returns ${JSON.stringify(value)} -> 500 without a token`, async (t) => {
    const { app, log } = await startHost(t, { store: { ...memoryStore(), replace: () => value } })
    const response = await generate(app)

    t.equal(response.statusCode, 500)
    t.match(response.json(), { name: 'InternalServerError', message: unconfirmed })
    t.match(log.find(({ errorId }) => errorId === response.json().id), { level: 50, err: { message: 'scimTokenStore.replace must return true or false' } })
  })
}

t.test('replace() never settles -> 503 after the timeout, which says that the outcome is unknown', async (t) => {
  const { app, log } = await startHost(t, {
    options: { timeout: 50 },
    store: { ...memoryStore(), replace: () => new Promise(() => {}) }
  })
  const response = await generate(app)

  t.equal(response.statusCode, 503)
  const error = response.json()
  t.matchOnly(error, { id: uuid, name: 'ServiceUnavailableError', message: unconfirmed, details: [{ message: error.message }] })
  t.match(log.find(({ errorId }) => errorId === error.id), { level: 50, err: { message: /timed out after 50 ms/ } })
})

/** For requests with the header `x-slow`, one method emits `called` and waits for the event `settle`. */
class SlowHost extends EventEmitter {
  readonly headers = { ...admin, 'x-slow': 'yes' }

  async wait ({ headers }: FastifyRequest) {
    if (headers['x-slow'] === undefined) return
    this.emit('called')
    const [failure] = await once(this, 'settle')
    if (failure) throw failure
  }

  slowIn (method: 'authenticate' | 'authorize' | 'replace'): HostSetup {
    const store = memoryStore()
    return {
      resolver: {
        authenticate: async (request) => {
          if (method === 'authenticate') await this.wait(request)
          return users.authenticate(request)
        },
        authorize: async (_user, _permissions, request) => {
          if (method === 'authorize') await this.wait(request)
          return true
        }
      },
      store: {
        ...store,
        replace: async (record, context) => {
          if (method === 'replace') await this.wait(context.request)
          return store.replace(record, context)
        }
      }
    }
  }
}

const outcomes: Record<string, unknown[]> = { resolves: [], rejects: [new Error('too late')] }
const limits: Record<string, HostSetup> = {
  timeout: { options: { timeout: 50 } },
  'handlerTimeout of the host': { server: { handlerTimeout: 50 } }
}

for (const [method, message, changes] of [['authenticate', nothingChanged, 0], ['authorize', nothingChanged, 0], ['replace', unconfirmed, 1]] as const) {
  for (const [outcome, late] of Object.entries(outcomes)) {
    for (const [limit, setup] of Object.entries(limits)) {
      t.test(`${method}() ${outcome} after the 503 of the ${limit} -> it is ignored`, async (t) => {
        const host = new SlowHost()
        const { app, log, replaced } = await startHost(t, { ...host.slowIn(method), ...setup })
        const response = await generate(app, host.headers)
        host.emit('settle', ...late)

        t.match(response, { statusCode: 503, payload: message })
        t.match((await generate(app)).json(), { token: String }, 'the next call')
        t.equal(replaced.length, changes + 1)
        t.equal(log.filter(({ level }) => level > 30).length, 1, 'only the 503 is logged above level info')
      })

      // Fastify itself responds to a second error of a hook.
      if (method !== 'replace' && outcome === 'rejects') continue

      t.test(`${method}() ${outcome} while the 503 of the ${limit} is in an onSend hook of the host -> it is ignored`, async (t) => {
        const host = new SlowHost()
        const { app, log, replaced } = await startHost(t, {
          ...host.slowIn(method),
          ...setup,
          prepare: (app) => app.addHook('onSend', async () => {
            const isAwaited = host.emit('settle', ...late)
            if (isAwaited) await setImmediate()
          })
        })
        const response = await generate(app, host.headers)

        t.match(response, { statusCode: 503, payload: message })
        t.equal(replaced.length, changes)
        t.equal(log.filter(({ level }) => level > 30).length, 1, 'only the 503 is logged above level info')
      })
    }
  }

  t.test(`the client disconnects while ${method}() runs -> ${changes > 0 ? 'the token is stored' : 'nothing is stored'}, and the host responds to the next call`, async (t) => {
    const host = new SlowHost()
    const { app, log, replaced } = await startHost(t, {
      ...host.slowIn(method),
      prepare: (app) => app
        .addHook('onRequestAbort', async (_request) => { host.emit('client disconnected') })
        .addHook('onSend', async () => { host.emit('response sent') })
    })
    const socket = await openSocket(await listen(app))
    const called = once(host, 'called')
    socket.write(generateRequestHead(host.headers))
    await called

    const disconnected = once(host, 'client disconnected')
    socket.destroy()
    await disconnected

    const responseSent = once(host, 'response sent')
    host.emit('settle')
    await responseSent
    t.equal(replaced.length, changes)
    t.match(log.filter(({ errorId }) => errorId), changes > 0 ? [] : [{ msg: 'the client has disconnected' }])
    t.match((await generate(app)).json(), { token: String }, 'the next call')
  })
}
