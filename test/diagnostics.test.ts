import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { sendScimError, type ScimSettingsStore } from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { generateToken } from '../lib/token.ts'
import { admin, generate, generatePath, startHost, users, viewer } from './helpers/host.ts'
import { secrets, type LogLine } from './helpers/log.ts'
import { addScimRoutes, scimPath } from './helpers/scim-host.ts'

const settingsPath = '/api/admin/scim-settings'
const setEnabled = (app: FastifyInstance, enabled: unknown, headers = admin) => app.inject({ method: 'POST', url: settingsPath, headers, payload: { enabled } })

/** Records what the channels publish until the test ends, and that it has no secret. */
function recordMessages (t: Test): [channel: string, message: object][] {
  const messages: [string, object][] = []
  for (const name of ['generated', 'enabled', 'disabled', 'rejected']) {
    const record = (message: unknown) => { messages.push([name, message as object]) }
    subscribe(`fastify-scim-token:${name}`, record)
    t.teardown(() => { unsubscribe(`fastify-scim-token:${name}`, record) })
  }
  return messages
}

/** Returns the fields of a log line besides those of every line. */
function fieldsOf ({ level, reqId, err, msg, pid: _pid, hostname: _hostname, time: _time, ...fields }: LogLine) {
  return { level, reqId, msg, ...fields }
}

t.test('a token is generated, SCIM is disabled and enabled -> one info line and one message each', async (t) => {
  const messages = recordMessages(t)
  const { app, log } = await startHost(t, { options: { settingsRoutes: true } })
  const { token } = (await generate(app)).json()
  await setEnabled(app, false)
  await setEnabled(app, true)

  t.strictSame(log.filter(({ event }) => event !== undefined).map(fieldsOf), [
    { level: 30, reqId: 'req-1', msg: 'SCIM token generated', event: 'generated', operation: 'generateNewToken' },
    { level: 30, reqId: 'req-2', msg: 'SCIM disabled', event: 'disabled', operation: 'setScimSettings' },
    { level: 30, reqId: 'req-3', msg: 'SCIM enabled', event: 'enabled', operation: 'setScimSettings' }
  ])
  t.strictSame(messages, [
    ['generated', { operation: 'generateNewToken', requestId: 'req-1' }],
    ['disabled', { operation: 'setScimSettings', requestId: 'req-2' }],
    ['enabled', { operation: 'setScimSettings', requestId: 'req-3' }]
  ])
  t.notMatch(JSON.stringify([log, messages]), token)
})

t.test('a change fails or is rejected -> neither an info line nor a message of a change', async (t) => {
  const messages = recordMessages(t)
  const failing = (): never => { throw new Error('down') }
  const { app, log } = await startHost(t, { options: { settingsRoutes: true }, store: { ...memoryStore(), replace: failing, setEnabled: failing } })
  const statuses = [await generate(app), await generate(app, viewer), await setEnabled(app, true), await setEnabled(app, true, viewer)].map(({ statusCode }) => statusCode)
  t.strictSame(statuses, [503, 403, 503, 403])
  t.strictSame(log.filter(({ event }) => event !== undefined), [])
  t.strictSame([...new Set(messages.map(([name]) => name))], ['rejected'])
})

/** An error as drivers and query builders throw it: the SQLSTATE is that of a cause. */
const queryFailed = () => new Error('query failed', { cause: Object.assign(new Error(`Key (token_hash)=(${'a'.repeat(64)}) exists`), { code: '57014' }) })

interface AdminCase {
  code: string
  causeCode?: string
  status: number
  send: (app: FastifyInstance) => Promise<{ statusCode: number }>
  store?: Partial<ScimSettingsStore<object>>
  authenticate?: () => never
}

const post = (payload: string, contentType: string, url = settingsPath) => (app: FastifyInstance) =>
  app.inject({ method: 'POST', url, headers: { ...admin, 'content-type': contentType }, payload })

const adminCases: Record<string, AdminCase> = {
  'no credentials': { code: 'SCIM_ADMIN_UNAUTHENTICATED', status: 401, send: (app) => generate(app, {}) },
  'credentials that the resolver rejects with an error': {
    code: 'SCIM_ADMIN_UNAUTHENTICATED',
    causeCode: 'FST_JWT_EXPIRED',
    status: 401,
    send: generate,
    authenticate: () => { throw Object.assign(new Error('expired'), { statusCode: 401, code: 'FST_JWT_EXPIRED' }) }
  },
  'no permission': { code: 'SCIM_ADMIN_FORBIDDEN', status: 403, send: (app) => generate(app, viewer) },
  'a page on another origin': { code: 'SCIM_ADMIN_CROSS_ORIGIN', status: 403, send: (app) => generate(app, { ...admin, 'sec-fetch-site': 'cross-site' }) },
  'no SCIM settings': { code: 'SCIM_ADMIN_NO_SETTINGS', status: 404, send: generate, store: memoryStore({ configured: false }) },
  'an invalid value': { code: 'SCIM_ADMIN_INVALID_BODY', status: 400, send: (app) => setEnabled(app, 1) },
  'malformed JSON': { code: 'SCIM_ADMIN_INVALID_BODY', status: 400, send: post('{', 'application/json') },
  'another content type': { code: 'SCIM_ADMIN_INVALID_BODY', status: 415, send: post('enabled', 'text/plain') },
  'a large body': { code: 'SCIM_ADMIN_INVALID_BODY', status: 413, send: post('x'.repeat(2000), 'text/plain', generatePath) },
  'a large settings body': { code: 'FST_ERR_CTP_BODY_TOO_LARGE', status: 413, send: post(`{"enabled":${' '.repeat(2000)}true}`, 'application/json') },
  'a resolver that fails': { code: 'SCIM_RESOLVER_FAILED', causeCode: '57014', status: 500, send: generate, authenticate: () => { throw queryFailed() } },
  'a resolver that returns something else': { code: 'SCIM_RESOLVER_FAILED', status: 500, send: generate, authenticate: Object(() => 'admin') },
  'a write that fails': { code: 'SCIM_STORE_FAILED', causeCode: '57014', status: 503, send: generate, store: { replace: () => { throw queryFailed() } } },
  'a write that times out': { code: 'SCIM_STORE_FAILED', causeCode: 'SCIM_TIMEOUT', status: 503, send: generate, store: { replace: () => new Promise(() => {}) } },
  'a store that returns something else': { code: 'SCIM_STORE_FAILED', status: 500, send: generate, store: { replace: Object(() => 'yes') } },
  'a read that fails': {
    code: 'SCIM_STORE_FAILED',
    causeCode: '57014',
    status: 503,
    store: { getSettings: () => { throw queryFailed() } },
    send: (app) => app.inject({ url: settingsPath, headers: admin })
  }
}

for (const [what, { code, causeCode, status, send, store, authenticate }] of Object.entries(adminCases)) {
  t.test(`an admin's request with ${what} -> ${code} in the log and on the channel`, async (t) => {
    const messages = recordMessages(t)
    const { app, log } = await startHost(t, {
      options: { settingsRoutes: true, timeout: 50 },
      store: { ...memoryStore(), ...store },
      resolver: { ...users, ...(authenticate && { authenticate }) }
    })
    t.equal((await send(app)).statusCode, status)
    const lines = log.filter(({ err }) => err !== undefined)
    t.strictSame(lines.map(({ level, reqId, err }) => ({ level, reqId, code: err?.code, causeCode: err?.causeCode })), [
      { level: status < 500 ? 30 : 50, reqId: 'req-1', code, causeCode }
    ])
    t.type(lines[0]?.errorId, 'string')
    t.notMatch(lines[0]?.err?.message, /: undefined$/)
    t.strictSame(messages, [['rejected', { code, causeCode, statusCode: status, requestId: 'req-1' }]])
    t.notMatch(JSON.stringify(messages), secrets)
  })
}

t.test('a hook of the host rejects an admin with a code of its own, or without one -> that code, or SCIM_ERROR', async (t) => {
  const messages = recordMessages(t)
  const { app } = await startHost(t, {
    prepare: (app) => app.addHook('onRequest', async ({ headers }) => { throw Object.assign(new Error('slow down'), { statusCode: 429, ...(headers['x-code'] && { code: headers['x-code'] }) }) })
  })
  await generate(app, { 'x-code': 'LIMITED' })
  await generate(app)
  t.match(messages, [['rejected', { code: 'LIMITED', statusCode: 429 }], ['rejected', { code: 'SCIM_ERROR', statusCode: 429 }]])
})

const otherToken = () => `Bearer ${generateToken()}`
const scimCases: Record<string, { code: string, causeCode?: string, status?: number, authorization?: () => string, find?: () => unknown }> = {
  'no token': { code: 'SCIM_TOKEN_MISSING' },
  'another scheme': { code: 'SCIM_TOKEN_MISSING', authorization: () => 'Basic eDp5' },
  'a mistyped token': { code: 'SCIM_TOKEN_INVALID', causeCode: 'SCIM_NOT_A_TOKEN', authorization: () => otherToken().slice(0, -1) },
  'a token in quotes': { code: 'SCIM_TOKEN_INVALID', causeCode: 'SCIM_NOT_A_TOKEN', authorization: () => `Bearer "${generateToken()}"` },
  'nothing after the scheme': { code: 'SCIM_TOKEN_INVALID', causeCode: 'SCIM_NOT_A_TOKEN', authorization: () => 'Bearer ' },
  'a token while SCIM is disabled': { code: 'SCIM_TOKEN_INVALID', causeCode: 'SCIM_NO_RECORD', authorization: otherToken, find: () => null },
  'a token that was replaced': { code: 'SCIM_TOKEN_INVALID', causeCode: 'SCIM_OTHER_TOKEN', authorization: otherToken, find: () => ({ hash: 'a'.repeat(64), createdAt: new Date() }) },
  'a store that fails': { code: 'SCIM_STORE_FAILED', causeCode: '57014', status: 503, authorization: otherToken, find: () => { throw queryFailed() } },
  'a store that times out': { code: 'SCIM_STORE_FAILED', causeCode: 'SCIM_TIMEOUT', status: 503, authorization: otherToken, find: () => new Promise(() => {}) },
  'a store that returns something else': { code: 'SCIM_STORE_FAILED', causeCode: 'SCIM_STORE_FAILED', status: 503, authorization: otherToken, find: () => 'record' }
}

for (const [what, { code, causeCode, status = 401, authorization, find }] of Object.entries(scimCases)) {
  for (const errorHandler of ['sendScimError', 'the error handler of Fastify']) {
    t.test(`a SCIM request with ${what}, sent by ${errorHandler} -> ${code} in the log and on the channel, and not in the response`, async (t) => {
      const messages = recordMessages(t)
      const { app, log } = await startHost(t, {
        options: { timeout: 50 },
        store: { ...memoryStore(), ...(find && { find: find as () => never }) },
        async routes (scim) {
          if (errorHandler === 'sendScimError') scim.setErrorHandler(sendScimError)
          await addScimRoutes(scim)
        }
      })
      const response = await app.inject({ url: scimPath, headers: authorization === undefined ? {} : { authorization: authorization() } })
      t.equal(response.statusCode, status)
      t.notMatch(response.body, /SCIM_/)

      const lines = log.filter(({ err }) => err !== undefined)
      t.equal(lines.length, 1)
      t.match(lines[0], { level: status < 500 ? 30 : 50, reqId: 'req-1', err: { stack: `ScimError [${code}]: ` } })
      if (errorHandler === 'sendScimError') t.match(lines[0]?.err, { code, causeCode })
      t.strictSame(messages, [['rejected', { code, causeCode, statusCode: status, requestId: 'req-1' }]])
      t.notMatch(JSON.stringify(messages), secrets)
    })
  }
}

t.test('a disabled token and a replaced one -> the same response, byte for byte', async (t) => {
  const responses = await Promise.all([null, { hash: 'a'.repeat(64), createdAt: new Date() }].map(async (record) => {
    const { app } = await startHost(t, { store: { ...memoryStore(), find: () => record }, routes: addScimRoutes })
    const { statusCode, body, headers: { date: _date, ...headers } } = await app.inject({ url: scimPath, headers: { authorization: otherToken() } })
    return { statusCode, body, headers }
  }))
  t.strictSame(responses[0], responses[1])
})
