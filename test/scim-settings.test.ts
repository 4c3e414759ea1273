import { EventEmitter, once } from 'node:events'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import Fastify, { type FastifyInstance } from 'fastify'
import type { ScimSettingsStore } from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { failures, internals } from './helpers/failures.ts'
import { admin, generate, startHost, users, viewer, type HostSetup } from './helpers/host.ts'
import { addScimRoutes, scimPath } from './helpers/scim-host.ts'
import { uuid } from './helpers/uuid.ts'

const settingsPath = '/api/admin/scim-settings'
const json = { 'content-type': 'application/json' }
const hello = 'The body must look like {"enabled": true}.'

/** Boots a host with the settings routes and one SCIM route, and notes every change the store is asked for. */
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
    options: { settings: true, ...setup.options },
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

t.test('who is known may read the settings, whatever their permissions', async (t) => {
  const { app } = await startSettingsHost(t)
  const response = await read(app, viewer)
  t.equal(response.statusCode, 200)
  t.same(response.json(), { enabled: true, hasToken: false })
  t.equal(response.headers['cache-control'], 'no-store')
})

t.test('a token that was generated shows, and not what it is', async (t) => {
  const { app } = await startSettingsHost(t)
  await generate(app)
  t.same((await read(app)).json(), { enabled: true, hasToken: true })
})

t.test('an admin disables and enables SCIM, and the answer has no body', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  for (const enabled of [false, true]) {
    const response = await set(app, JSON.stringify({ enabled }))
    t.same([response.statusCode, response.body, response.headers['content-length']], [200, '', '0'])
    t.same((await read(app)).json(), { enabled, hasToken: false })
  }
  t.same(changes, [false, true])
})

t.test('the SCIM settings are made where there are none', async (t) => {
  const { app } = await startSettingsHost(t, { store: memoryStore({ settings: false }) })
  t.same((await read(app)).json(), { enabled: false, hasToken: false })
  t.equal((await generate(app)).statusCode, 404)
  await set(app, '{"enabled": true}')
  t.equal((await generate(app)).statusCode, 200)
})

t.test('disabling refuses SCIM requests at once and keeps the token', async (t) => {
  const { app } = await startSettingsHost(t)
  const { token } = (await generate(app)).json()
  t.equal((await useToken(app, token)).statusCode, 200)

  await set(app, '{"enabled": false}')
  const refused = await useToken(app, token)
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /error="invalid_token"/)

  await set(app, '{"enabled": true}')
  t.equal((await useToken(app, token)).statusCode, 200)
})

t.test('a token generated while SCIM is disabled is valid once it is enabled', async (t) => {
  const { app } = await startSettingsHost(t)
  await set(app, '{"enabled": false}')
  const { token } = (await generate(app)).json()
  t.equal((await useToken(app, token)).statusCode, 401)

  await set(app, '{"enabled": true}')
  t.equal((await useToken(app, token)).statusCode, 200)
})

t.test('nobody may read or change the settings, and a bad body is not looked at before', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const answers = [await read(app, {}), await set(app, '{', { ...json, authorization: '' })]
  t.same(answers.map(({ statusCode }) => statusCode), [401, 401])
  for (const answer of answers) {
    t.matchOnly(answer.json(), { id: uuid, name: 'AuthenticationRequired', message: /log in.*\/auth\/simple\/login/ })
  }
  t.same(changes, [])
})

t.test('changing needs a permission, and the refusal names those that do', async (t) => {
  const { app, changes, log } = await startSettingsHost(t)
  const response = await set(app, '{', { ...json, ...viewer })
  t.equal(response.statusCode, 403)
  t.matchOnly(response.json(), { id: uuid, name: 'NoAccessError', message: /ADMIN, UPDATE_AUTH_CONFIGURATION/ })
  t.ok(log.some(({ errorId }) => errorId === response.json().id), 'the log has the id')
  t.same(changes, [])
})

t.test('the permissions that a host sets count for changing, too', async (t) => {
  const asked: (readonly string[])[] = []
  const { app, changes } = await startSettingsHost(t, {
    resolver: {
      ...users,
      authorize (_user, permissions) {
        asked.push(permissions)
        return permissions.includes('SCIM')
      }
    },
    options: { permissions: ['SCIM'] }
  })
  t.equal((await set(app, '{"enabled": true}')).statusCode, 200)
  t.same([changes, asked], [[true], [['SCIM']]])
})

t.test('a page on another origin may not change the settings', async (t) => {
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
  const answers = await Promise.all(table.map(([, headers]) => set(app, '{"enabled": false}', { ...json, ...headers })))
  t.same(answers.map(({ statusCode }) => statusCode), table.map(([status]) => status))
  t.matchOnly(answers[0]?.json(), { id: uuid, name: 'NoAccessError', message: /another origin/ })
  t.same(changes, [false, false, false, false])
})

t.test('an invalid body is refused with one detail a fault, and where it is', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const missing = { path: '/enabled', message: '/enabled: Expected required property.' }
  const noBoolean = { path: '/enabled', message: '/enabled: Expected boolean.' }
  const noObject = { path: '', message: 'The body: Expected object.' }
  const table: [body: string, fault: { path: string, message: string }][] = [
    ['{}', missing],
    ['{"Enabled": true}', missing],
    ['{"settings": {"enabled": true}}', missing],
    ['{"enabled": null}', noBoolean],
    ['{"enabled": 1}', noBoolean],
    ['{"enabled": 0}', noBoolean],
    ['{"enabled": "false"}', noBoolean],
    ['{"enabled": ""}', noBoolean],
    ['{"enabled": [true]}', noBoolean],
    ['{"enabled": {"enabled": true}}', noBoolean],
    ['null', noObject],
    ['true', noObject],
    ['1', noObject],
    ['"true"', noObject],
    ['[]', noObject],
    ['[{"enabled": true}]', noObject]
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

t.test('a body that is no JSON is refused in the same shape', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const noJson = "Body is not valid JSON but content-type is set to 'application/json'."
  const empty = "Body cannot be empty when content-type is set to 'application/json'."
  const table: [body: string, message: string][] = [
    ['{"enabled": true', noJson],
    ['enabled=true', noJson],
    ['<settings/>', noJson],
    [' ', noJson],
    ['{"enabled": true}\0', noJson],
    ['{"__proto__": {"enabled": true}}', noJson],
    ['{"enabled": true, "__proto__": null}', noJson],
    ['{"enabled": true, "constructor": {"prototype": {}}}', noJson],
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

t.test('no body and no content type are refused as an invalid body', async (t) => {
  const { app } = await startSettingsHost(t)
  const response = await app.inject({ method: 'POST', url: settingsPath, headers: admin })
  t.equal(response.statusCode, 400)
  t.same(response.json().details, [{ path: '', message: 'The body: Expected object.' }])
})

t.test('a body of another content type is refused with 415', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const named = (type: string) => `The content type of the request (${type}) is not accepted: send application/json.`
  const table: [headers: Record<string, string>, message: string][] = [
    [{ 'content-type': 'text/plain' }, named('text/plain')],
    [{ 'content-type': 'application/xml' }, named('application/xml')],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, named('application/x-www-form-urlencoded')],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, named('multipart/form-data; boundary=x')],
    [{ 'content-type': 'application/jsonx' }, named('application/jsonx')],
    [{}, named('none')],
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

t.test('unknown properties are ignored, and JSON is JSON however its type is spelled', async (t) => {
  const { app, changes } = await startSettingsHost(t)
  const answers = [
    await set(app, '{"enabled": false, "hasToken": "yes", "more": {"enabled": true}}'),
    await set(app, '{"enabled": false}', { 'content-type': 'application/json; charset=utf-8' }),
    await set(app, '{"enabled": false}', { 'content-type': 'Application/JSON' })
  ]
  t.same(answers.map(({ statusCode }) => statusCode), [200, 200, 200])
  t.same(changes, [false, false, false])
})

t.test('a body of more than 1 KiB is refused with 413, its length announced or not', async (t) => {
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
  t.test(`nobody gets a 200 when the store ${how}, and the cause is for the log alone`, async (t) => {
    const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), getSettings: call, setEnabled: call } })
    const answers = [await read(app), await set(app, '{"enabled": false}')]
    t.matchOnly(answers.map((answer) => [answer.statusCode, answer.json().message]), [[503, nothingChanged], [503, notConfirmed]])
    t.notMatch(answers.map(({ body, headers }) => body + JSON.stringify(headers)).join(), internals)
    const ids = answers.map((answer) => answer.json().id)
    t.match(log.filter(({ errorId }) => ids.includes(errorId)), ['getSettings', 'setEnabled'].map((method) => ({
      level: 50,
      msg: `scimTokenStore.${method} failed`,
      err: { message: logged }
    })))
  })
}

t.test('where the store hangs, the answer is 503 after the timeout', async (t) => {
  const hang = async () => await new Promise<never>(() => {})
  const { app } = await startSettingsHost(t, {
    store: { ...memoryStore(), getSettings: hang, setEnabled: hang },
    options: { timeout: 50 }
  })
  const answers = await Promise.all([read(app), set(app, '{"enabled": false}')])
  t.matchOnly(answers.map((answer) => [answer.statusCode, answer.json().message]), [[503, nothingChanged], [503, notConfirmed]])
})

t.test('a store whose answer comes after the handlerTimeout of the host cannot answer any more', async (t) => {
  const database = new EventEmitter()
  const { app, log } = await startSettingsHost(t, {
    store: { ...memoryStore(), setEnabled: async () => { await once(database, 'answer') } },
    server: { handlerTimeout: 50 }
  })
  t.equal((await set(app, '{"enabled": false}')).statusCode, 503)
  database.emit('answer')
  t.equal((await read(app)).statusCode, 200)
  t.equal(log.filter(({ level }) => level >= 40).length, 1, 'one error in the log, and no second answer')
})

t.test('settings that are not what the contract says are shown to nobody', async (t) => {
  const wrong = [
    'null', 'true', '[]', '{}',
    '{"enabled": true}',
    '{"enabled": true, "hasToken": null}',
    '{"enabled": 1, "hasToken": 0}',
    '{"enabled": "true", "hasToken": "false"}',
    '{"enabled": true, "hasToken": true, "hash": "a secret"}'
  ]
  let answer = ''
  const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), getSettings: () => JSON.parse(answer) } })
  for (answer of wrong) {
    const response = await read(app)
    t.matchOnly([response.statusCode, response.json()], [500, {
      id: uuid,
      name: 'InternalServerError',
      message: /^Something went wrong on the server, and nothing was changed/,
      details: [{ message: String }]
    }], answer)
    t.match(log.at(-2)?.err?.message, /scimTokenStore.getSettings must return { enabled, hasToken }, both true or false/)
  }
})

t.test('an answer of setEnabled, which has none, is no 200', async (t) => {
  const wrong = ['null', 'true', 'false', '{"rowCount": 0}', '[]']
  let answer = ''
  const { app, log } = await startSettingsHost(t, { store: { ...memoryStore(), setEnabled: () => JSON.parse(answer) } })
  for (answer of wrong) {
    const response = await set(app, '{"enabled": false}')
    t.matchOnly([response.statusCode, response.json().message], [500, notConfirmed], answer)
    t.match(log.at(-2)?.err?.message, /scimTokenStore.setEnabled must return nothing/)
  }
})

t.test('the host keeps its validator, and how it coerces', async (t) => {
  // Validates on both hosts, with the options that a host may set and a compiler of its own.
  const answers = async (app: FastifyInstance) => {
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
  t.same(await answers(app), await answers(without))
  t.same((await answers(app))[1], [200, { on: true, size: 7 }], 'this host coerces')
})

t.test('a validator of the host does not count for the settings', async (t) => {
  const { app, changes } = await startSettingsHost(t, {
    prepare (app) { app.setValidatorCompiler(() => () => ({ value: { enabled: true } })) }
  })
  t.equal((await set(app, '{"enabled": 1}')).statusCode, 400)
  t.equal((await set(app, '{"enabled": false}')).statusCode, 200)
  t.same(changes, [false])
})

t.test('without the option there are no such routes', async (t) => {
  const { app } = await startHost(t)
  t.same([(await read(app)).statusCode, (await set(app, '{"enabled": true}')).statusCode], [404, 404])
})

t.test('a store without the methods for the settings fails at boot, and only with the option', async (t) => {
  const { replace, find } = memoryStore()
  await t.resolves(startHost(t, { store: { replace, find } }))
  await t.rejects(
    startHost(t, { store: { replace, find }, options: { settings: true } }),
    /"scimTokenStore" lacks the method getSettings and setEnabled; it must look like/
  )
})
