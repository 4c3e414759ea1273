import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import scimToken, { sendScimError, verifyScimToken, type ScimSettingsStore } from '../../lib/index.ts'
import type { Awaitable } from '../../lib/contracts.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { isSecret, internals, planHeader, type HostOptions, type Plan } from './plan.ts'

// A host whose hooks, resolver and store do what each request says. It runs in a process of its own, so that a
// test sees whether it ends.

const { http2, handlerTimeout, timeout }: HostOptions = JSON.parse(process.argv[2]!)
const send = (message: object) => { process.send!(message) }

const stream = new Writable({
  write (chunk, _encoding, done) {
    const line = String(chunk)
    if (isSecret(line)) send({ leak: line })
    done()
  }
})
const logger = { level: 'trace', stream }
const app: FastifyInstance = Reflect.apply(Fastify, undefined, [{ http2, logger, ...handlerTimeout && { handlerTimeout } }])
const plans = new WeakMap<object, Plan>()
const readPlan = (request: FastifyRequest): Plan => {
  const header = request.raw.headers[planHeader]
  if (!plans.has(request)) plans.set(request, typeof header === 'string' ? JSON.parse(header) : {})
  return plans.get(request)!
}

/** In milliseconds: longer than the timeouts of the plugin and of Fastify. */
const late = Math.max(timeout, handlerTimeout ?? 0) + 20

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const unreadable: (() => unknown)[] = [
  () => ({ message: Object.create(null) }), () => Symbol(internals), revoked, () => Object.create(null), () => null, () => undefined,
  () => ({ get message () { throw new Error(internals) }, get statusCode () { throw new Error(internals) } })
]
let next = 0
const thrown = (what: string | undefined): unknown => what?.includes('unreadable') ? unreadable[next++ % unreadable.length]!() : new Error(internals)

for (const kind of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onError', 'onResponse'] as const) {
  // Each kind twice, as async and as callback hooks fail in other ways.
  app.addHook(kind as 'onRequest', async (request, reply) => {
    const what = readPlan(request)[kind]
    if (what === 'throws') throw new Error(internals)
    if (what?.startsWith('rejects')) await Promise.reject(thrown(what))
    if (what === 'waits') await setTimeout(late)
    if (what === 'waits longer') await setTimeout(2 * late)
    if (what === 'fails late') { await setTimeout(late); throw new Error(internals) }
    if (what === 'sets an invalid header') reply.header('x-invalid', 'line\nbreak')
    if (what === 'sends') return reply.code(418).send('sent by a hook')
  })
  app.addHook(kind as 'onRequest', (request: FastifyRequest, reply: FastifyReply, ...rest: unknown[]) => {
    const done = rest.at(-1) as (error?: unknown) => void
    const what = readPlan(request)[kind]
    if (what === 'throws in a callback hook') throw new Error(internals)
    if (what === 'calls back with an error') return done(new Error(internals))
    if (what === 'calls back late') { setTimeout(late).then(() => { done() }); return }
    if (what === 'sends in a callback hook') { reply.code(418).send('sent by a hook'); return }
    done()
  })
}
for (const kind of ['onTimeout', 'onRequestAbort'] as const) {
  app.addHook(kind as 'onTimeout', async (request) => {
    if (readPlan(request)[kind] === 'throws') throw new Error(internals)
  })
}

/** Calls a method of the resolver or the store as the plan of the request says. */
async function act<T> (method: string, request: FastifyRequest, call: () => Awaitable<T>, isWrite = false): Promise<T> {
  const what = readPlan(request)[method]
  if (what?.startsWith('rejects')) throw thrown(what)
  if (what === 'waits') await setTimeout(late)
  if (what === 'fails late') { await setTimeout(late); throw new Error(internals) }
  if (what === 'hangs') await new Promise(() => {})
  if (what === 'wrong value') return unreadable[next++ % unreadable.length]!() as T
  const result = await call()
  if (what === 'fails after it is done') throw new Error(`${internals}: ${isWrite ? hashes.at(-1) : ''}`)
  return result
}

const stored = memoryStore()
const hashes: string[] = []
const store: ScimSettingsStore<object> = {
  async replace (record, context) {
    hashes.push(record.hash)
    const isStored = await act('replace', context.request, () => stored.replace(record, context), true)
    if (isStored === true) send({ confirmed: record.hash })
    return isStored
  },
  find: (context) => act('find', context.request, () => stored.find(context)),
  getSettings: (context) => act('getSettings', context.request, () => stored.getSettings(context)),
  setEnabled: (enabled, context) => act('setEnabled', context.request, () => stored.setEnabled(enabled, context), true)
}

app.decorate('scimAuthResolver', {
  authenticate: (request) => {
    if (readPlan(request)['authenticate'] === 'throws') throw new Error(internals)
    return act('authenticate', request, () => request.headers.authorization === 'admin' ? { name: 'admin' } : null)
  },
  authorize: (_user, _permissions, request) => act('authorize', request, () => true)
})
app.decorate('scimTokenStore', store)
app.register(scimToken, { timeout, settingsRoutes: true })
app.register(async (scim) => {
  scim.addHook('onRequest', verifyScimToken)
  scim.setErrorHandler(sendScimError)
  scim.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => { done(null) })
  scim.get('/scim/Users', async () => ({ Resources: [] }))
  scim.post('/scim/Users', async () => ({ id: '1' }))
})
app.get('/alive', { logLevel: 'silent' }, async () => 'alive')
// Responds once all that was late for earlier requests has happened.
app.get('/alive/later', { logLevel: 'silent', handlerTimeout: 10_000 }, async () => {
  await setTimeout(3 * late)
  return 'alive'
})

send({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })
