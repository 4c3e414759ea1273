import { EventEmitter, once } from 'node:events'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import Fastify, { type FastifyInstance } from 'fastify'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { failures, internals } from '../helpers/failures.ts'
import { admin, generate, startHost, users, viewer, type HostSetup } from '../helpers/host.ts'
import { addScimRoutes, scimPath } from '../helpers/scim-host.ts'
import { uuid } from '../helpers/uuid.ts'

const settingsPath = '/api/admin/scim-settings'
const json = { 'content-type': 'application/json' }
const hello = 'The body must look like {"enabled": true}.'

/** Starts a host with the settings routes and SCIM routes, and records the values passed to `setEnabled`. */
async function startSettingsHost (t: Test, setup: HostSetup & { store?: ScimSettingsStore } = {}) {
  const { store = memoryStore() } = setup
  const changes: boolean[] = []
  const host = await startHost(t, {
    ...setup,
    store: {
      ...store,
      setEnabled (enabled, context) {
        changes.push(enabled)
        return store.setEnabled(enabled, context)
      }
    },
    options: { settingsRoutes: true, ...setup.options },
    routes: addScimRoutes
  })
  return { ...host, changes }
}

async function read (app: FastifyInstance, headers: Record<string, string> = admin) {
  return await app.inject({ url: settingsPath, headers })
}

async function set (app: FastifyInstance, payload: string | Readable, headers: Record<string, string> = json) {
  return await app.inject({ method: 'POST', url: settingsPath, headers: { ...admin, ...headers }, payload })
}

async function useToken (app: FastifyInstance, token: string) {
  return await app.inject({ url: scimPath, headers: { authorization: `Bearer ${token}` } })
}

t.test('a user without permissions reads the settings -> 200', async (t) => {
  const { app } = await startSettingsHost(t)
  const response = await read(app, viewer)
  t.equal(response.statusCode, 200)
  t.same(response.json(), { enabled: true, hasToken: false })
  t.equal(response.headers['cache-control'], 'no-store')
})

t.test('a token was generated -> the settings say hasToken: true, without the token', async (t) => {
  const { app } = await startSettingsHost(t)
  await generate(app)
  t.same((await read(app)).json(), { enabled: true, hasToken: true })
})

t.test('an admin disables and enables SCIM -> 200 without a body', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  for (const enabled of [false, true]) {
    const response = await set(app, JSON.stringify({ enabled }))
    t.same([response.statusCode, response.body, response.headers['content-length']], [200, '', '0'])
    t.same((await read(app)).json(), { enabled, hasToken: false })
  }
  t.same(changes, [false, true])
})

t.test('SCIM is enabled without SCIM settings -> they are created', async (t) => {
  const { app } = await startSettingsHost(t, { store: memoryStore({ configured: false }) })
  t.same((await read(app)).json(), { enabled: false, hasToken: false })
  t.equal((await generate(app)).statusCode, 404)
  await set(app, '{"enabled": true}')
  t.equal((await generate(app)).statusCode, 200)
})

t.test('SCIM is disabled -> SCIM requests get 401 at once, and the token is kept', async (t) => {
  const { app } = await startSettingsHost(t)
  const { token } = (await generate(app)).json()
  t.equal((await useToken(app, token)).statusCode, 200)

  await set(app, '{"enabled": false}')
  const rejected = await useToken(app, token)
  t.equal(rejected.statusCode, 401)
  t.match(rejected.headers['www-authenticate'], /error="invalid_token"/)

  await set(app, '{"enabled": true}')
  t.equal((await useToken(app, token)).statusCode, 200)
})

t.test('a token generated while SCIM is disabled -> valid once SCIM is enabled', async (t) => {
  const { app } = await startSettingsHost(t)
  await set(app, '{"enabled": false}')
  const { token } = (await generate(app)).json()
  t.equal((await useToken(app, token)).statusCode, 401)

  await set(app, '{"enabled": true}')
  t.equal((await useToken(app, token)).statusCode, 200)
})

t.test('unauthenticated read or change with an invalid body -> 401', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const responses = [await read(app, {}), await set(app, '{', { ...json, authorization: '' })]
  t.same(responses.map(({ statusCode }) => statusCode), [401, 401])
  for (const response of responses) {
    t.matchOnly(response.json(), { id: uuid, name: 'AuthenticationRequired', message: /log in.*\/auth\/simple\/login/ })
  }
  t.same(changes, [])
})

t.test('a user without the permissions changes the settings -> 403 that names the permissions', async (t) => {
  const { app, changes, log } = await startSettingsHost(t)
  const response = await set(app, '{', { ...json, ...viewer })
  t.equal(response.statusCode, 403)
  t.matchOnly(response.json(), { id: uuid, name: 'NoAccessError', message: /ADMIN, UPDATE_AUTH_CONFIGURATION/ })
  t.ok(log.some(({ errorId }) => errorId === response.json().id), 'the log has the id')
  t.same(changes, [])
})

t.test('the option permissions -> used for changing the settings', async (t) => {
  const checked: (readonly string[])[] = []
  const { app, changes } = await startSettingsHost(t, {
    resolver: {
      ...users,
      authorize (_user, permissions) {
        checked.push(permissions)
        return permissions.includes('SCIM')
      }
    },
    options: { permissions: ['SCIM'] }
  })
  t.equal((await set(app, '{"enabled": true}')).statusCode, 200)
  t.same([changes, checked], [[true], [['SCIM'], ['SCIM']]], 'checked before and after the body')
})

t.test('a change from another origin -> 403 unless the origin is trusted', async (t) => {
  const { app, changes } = await startSettingsHost(t, { options: { trustedOrigins: ['https://admin.example.com'] } })
  const table: [status: number, headers: Record<string, string>][] = [
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'same-site' }],
    [403, { 'sec-fetch-site': 'cross-site', origin: 'https://other.example.com' }],
    [403, { origin: 'https://other.example.com' }],
    [403, { origin: 'null' }],
    [200, { 'sec-fetch-site': 'same-origin' }],
    [200, { 'sec-fetch-site': 'none' }],
    [200, { origin: 'http://localhost:4242', host: 'localhost:4242' }],
    [200, { 'sec-fetch-site': 'cross-site', origin: 'https://admin.example.com' }]
  ]
  const responses = await Promise.all(table.map(([, headers]) => set(app, '{"enabled": false}', { ...json, ...headers })))
  t.same(responses.map(({ statusCode }) => statusCode), table.map(([status]) => status))
  t.matchOnly(responses[0]?.json(), { id: uuid, name: 'NoAccessError', message: /another origin/ })
  t.same(changes, [false, false, false, false])
})

t.test('an invalid body -> 400 with the path and message of the fault', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const notBoolean = { path: '/enabled', message: '/enabled: Expected boolean.' }
  const notObject = { path: '', message: 'The body: Expected object.' }
  const table: [body: string, fault: { path: string, message: string }][] = [
    ['{}', notBoolean],
    ['{"Enabled": true}', notBoolean],
    ['{"settings": {"enabled": true}}', notBoolean],
    ['{"enabled": null}', notBoolean],
    ['{"enabled": 1}', notBoolean],
    ['{"enabled": 0}', notBoolean],
    ['{"enabled": "false"}', notBoolean],
    ['{"enabled": ""}', notBoolean],
    ['{"enabled": [true]}', notBoolean],
    ['{"enabled": {"enabled": true}}', notBoolean],
    ['null', notObject],
    ['true', notObject],
    ['1', notObject],
    ['"true"', notObject],
    ['[]', notObject],
    ['[{"enabled": true}]', notObject]
  ]
  for (const [body, fault] of table) {
    const response = await set(app, body)
    t.matchOnly(
      [response.statusCode, response.json()],
      [400, { id: uuid, name: 'ValidationError', message: `${hello} ${fault.message}`, details: [fault] }],
      body
    )
  }
  t.same(changes, [])
})

t.test('a body that is not JSON -> 400 in the same shape', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const notJson = "Body is not valid JSON but content-type is set to 'application/json'."
  const empty = "Body cannot be empty when content-type is set to 'application/json'."
  const table: [body: string, message: string][] = [
    ['{"enabled": true', notJson],
    ['enabled=true', notJson],
    ['<settings/>', notJson],
    [' ', notJson],
    ['{"enabled": true}\0', notJson],
    ['{"__proto__": {"enabled": true}}', notJson],
    ['{"enabled": true, "__proto__": null}', notJson],
    ['{"enabled": true, "constructor": {"prototype": {}}}', notJson],
    ['', empty]
  ]
  for (const [body, message] of table) {
    const response = await set(app, body)
    t.matchOnly(
      [response.statusCode, response.headers['content-type'], response.json()],
      [400, 'application/json; charset=utf-8', {
        id: uuid, name: 'ValidationError', message: `${hello} ${message}`, details: [{ path: '', message }]
      }],
      body
    )
  }
  t.same(changes, [])
})

t.test('no body and no content type -> 400', async (t) => {
  const { app } = await startSettingsHost(t)
  const response = await app.inject({ method: 'POST', url: settingsPath, headers: admin })
  t.equal(response.statusCode, 400)
  t.same(response.json().details, [{ path: '', message: 'The body: Expected object.' }])
})

t.test('a body of another content type -> 415', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const notAccepted = (type: string) => `The content type of the request (${type}) is not accepted: send application/json.`
  const table: [headers: Record<string, string>, message: string][] = [
    [{ 'content-type': 'text/plain' }, notAccepted('text/plain')],
    [{ 'content-type': 'application/xml' }, notAccepted('application/xml')],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, notAccepted('application/x-www-form-urlencoded')],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, notAccepted('multipart/form-data; boundary=x')],
    [{ 'content-type': 'application/jsonx' }, notAccepted('application/jsonx')],
    [{}, notAccepted('none')],
    [{ 'content-type': 'garbage' }, 'Unsupported Media Type']
  ]
  for (const [headers, message] of table) {
    const response = await set(app, '{"enabled": false}', headers)
    t.matchOnly(
      [response.statusCode, response.json()],
      [415, { id: uuid, name: 'ContentTypeError', message, details: [{ message }] }],
      message
    )
  }
  t.same(changes, [])
})

t.test('unknown properties, or another spelling of the JSON content type -> 200', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const responses = [
    await set(app, '{"enabled": false, "hasToken": "yes", "more": {"enabled": true}}'),
    await set(app, '{"enabled": false}', { 'content-type': 'application/json; charset=utf-8' }),
    await set(app, '{"enabled": false}', { 'content-type': 'Application/JSON' })
  ]
  t.same(responses.map(({ statusCode }) => statusCode), [200, 200, 200])
  t.same(changes, [false, false, false])
})

t.test('a body of more than 1 KiB, with or without Content-Length -> 413', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const long = JSON.stringify({ enabled: false, more: 'x'.repeat(1024) })
  for (const payload of [long, Readable.from([long.slice(0, 512), long.slice(512)])]) {
    const response = await set(app, payload)
    t.equal(response.statusCode, 413)
    t.matchOnly(response.json(), {
      id: uuid, name: 'PayloadTooLargeError', message: String, details: [{ message: response.json().message }]
    })
  }
  t.same(changes, [])
})

const nothingChanged = /^The server is temporarily unavailable, and nothing was changed/
const notConfirmed = /^The change could not be confirmed: it may or may not have been stored/

for (const { how, call, logged } of failures) {
  t.test(`getSettings() or setEnabled() ${how} -> 503, the cause is only in the log`, async (t) => {
    const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), getSettings: call, setEnabled: call } })
    const responses = [await read(app), await set(app, '{"enabled": false}')]
    t.matchOnly(responses.map((response) => [response.statusCode, response.json().message]), [[503, nothingChanged], [503, notConfirmed]])
    t.notMatch(responses.map(({ body, headers }) => body + JSON.stringify(headers)).join(), internals)
    const ids = responses.map((response) => response.json().id)
    t.match(log.filter(({ errorId }) => ids.includes(errorId)), ['getSettings', 'setEnabled'].map((method) => ({
      level: 50,
      msg: `scimTokenStore.${method} failed`,
      err: { message: logged }
    })))
  })
}

t.test('getSettings() or setEnabled() never settles -> 503 after the timeout', async (t) => {
  const hang = async () => await new Promise<never>(() => {})
  const { app } = await startSettingsHost(t, {
    store: { ...memoryStore(), getSettings: hang, setEnabled: hang },
    options: { timeout: 50 }
  })
  const responses = await Promise.all([read(app), set(app, '{"enabled": false}')])
  t.matchOnly(responses.map((response) => [response.statusCode, response.json().message]), [[503, nothingChanged], [503, notConfirmed]])
})

t.test('setEnabled() settles after the handlerTimeout of the host -> one 503 and no second response', async (t) => {
  const database = new EventEmitter()
  const { app, log } = await startSettingsHost(t, {
    store: { ...memoryStore(), setEnabled: async () => { await once(database, 'done') } },
    server: { handlerTimeout: 50 }
  })
  t.equal((await set(app, '{"enabled": false}')).statusCode, 503)
  database.emit('done')
  t.equal((await read(app)).statusCode, 200)
  t.equal(log.filter(({ level }) => level >= 40).length, 1, 'one error in the log, no second response')
})

t.test('getSettings() returns something else than the contract says -> 500 without it', async (t) => {
  const wrong = [
    'null', 'true', '[]', '{}',
    '{"enabled": true}',
    '{"hasToken": true}',
    '{"enabled": true, "hasToken": null}',
    '{"enabled": 1, "hasToken": 0}',
    '{"enabled": "true", "hasToken": "false"}'
  ]
  let returned = ''
  const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), getSettings: () => JSON.parse(returned) } })
  for (returned of wrong) {
    const response = await read(app)
    t.matchOnly([response.statusCode, response.json()], [500, {
      id: uuid,
      name: 'InternalServerError',
      message: /^Something went wrong on the server, and nothing was changed/,
      details: [{ message: String }]
    }], returned)
    t.match(log.at(-2)?.err?.message, /scimTokenStore.getSettings must return { enabled, hasToken }, both true or false/)
  }
})

t.test('getSettings() returns a whole row -> 200 with enabled and hasToken alone', async (t) => {
  const row = { tenant: 'default', enabled: true, hasToken: true, token_hash: 'a secret' }
  const { app } = await startSettingsHost(t, { store: { ...memoryStore(), getSettings: () => row } })
  t.equal((await read(app)).payload, '{"enabled":true,"hasToken":true}')
})

t.test('setEnabled() returns a value -> 500', async (t) => {
  const wrong = ['null', 'true', 'false', '{"rowCount": 0}', '[]']
  let returned = ''
  const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), setEnabled: () => JSON.parse(returned) } })
  for (returned of wrong) {
    const response = await set(app, '{"enabled": false}')
    t.matchOnly([response.statusCode, response.json().message], [500, notConfirmed], returned)
    t.match(log.at(-2)?.err?.message, /scimTokenStore.setEnabled must return nothing/)
  }
})

t.test('a host with its own validator and Ajv options -> they stay in use for its routes', async (t) => {
  // Two routes: one with the Ajv options of the host, one with its own compiler.
  const responsesOf = async (app: FastifyInstance) => {
    const payloads = [{ on: null, size: '7', more: 1 }, { on: 1, size: 7 }, { on: true }]
    const responses = await Promise.all(['/defaults', '/own'].flatMap((url) =>
      payloads.map((payload) => app.inject({ method: 'POST', url, payload }))))
    return responses.map((response) => [response.statusCode, response.json()])
  }
  const addRoutes = (app: FastifyInstance) => {
    const body = {
      type: 'object',
      additionalProperties: false,
      properties: { on: { type: 'boolean' }, size: { type: 'integer' }, more: false }
    }
    app.post('/defaults', { schema: { body } }, async (request) => request.body)
    app.register(async (own) => {
      own.setValidatorCompiler(() => (value) => ({ value: { own: value } }))
      own.post('/own', { schema: { body } }, async (request) => request.body)
    })
  }
  const server = { ajv: { customOptions: { coerceTypes: 'array', removeAdditional: 'all' } } } as const

  const without = Fastify(server)
  t.teardown(() => without.close())
  addRoutes(without)
  const { app } = await startSettingsHost(t, { server, prepare: addRoutes })

  t.equal((await set(app, '{"enabled": null}')).statusCode, 400)
  t.same(await responsesOf(app), await responsesOf(without))
  t.same((await responsesOf(app))[1], [200, { on: true, size: 7 }], 'the host coerces')
})

t.test('a host validator that accepts everything -> an invalid settings body still gets 400', async (t) => {
  const { app, changes } = await startSettingsHost(t, {
    prepare (app) { app.setValidatorCompiler(() => () => ({ value: { enabled: true } })) }
  })
  t.equal((await set(app, '{"enabled": 1}')).statusCode, 400)
  t.equal((await set(app, '{"enabled": false}')).statusCode, 200)
  t.same(changes, [false])
})

t.test('without settingsRoutes: true -> 404 on the settings routes', async (t) => {
  const { app } = await startHost(t)
  t.same([(await read(app)).statusCode, (await set(app, '{"enabled": true}')).statusCode], [404, 404])
})

t.test('a store without getSettings() and setEnabled() -> boot fails only with settingsRoutes: true', async (t) => {
  const { replace, find } = memoryStore()
  await t.resolves(startHost(t, { store: { replace, find } }))
  await t.rejects(
    startHost(t, { store: { replace, find }, options: { settingsRoutes: true } }),
    /"scimTokenStore" lacks the method getSettings and setEnabled; it must look like/
  )
})
