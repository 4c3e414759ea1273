import rateLimit from '@fastify/rate-limit'
import type { onRequestHookHandler } from 'fastify'
import t from 'tap'
import { ScimError } from '../../lib/index.ts'
import { admin, generate, startHost } from '../helpers/host.ts'
import { uuid } from '../helpers/uuid.ts'

const secret = 'secret of the host'

const rejections: [how: string, hook: onRequestHookHandler][] = [
  ['sets a status and throws', async (_request, reply) => {
    reply.code(429).header('retry-after', '60')
    throw new Error('Slow down.')
  }],
  ['sets a status and calls back with an error', (_request, reply, done) => {
    reply.code(429).header('retry-after', '60')
    done(new Error('Slow down.'))
  }],
  ['throws an error with a status and headers', async () => {
    throw Object.assign(new Error('Slow down.'), { statusCode: 429, headers: { 'retry-after': '60' } })
  }],
  ['throws a ScimError', async () => {
    throw new ScimError({ statusCode: 429, message: 'Slow down.', headers: { 'retry-after': '60' } })
  }],
  ['throws an error with the property status, as in Express', async (_request, reply) => {
    reply.header('retry-after', '60')
    throw Object.assign(new Error('Slow down.'), { status: 429 })
  }]
]

for (const [how, hook] of rejections) {
  t.test(`a hook of the host ${how} -> its status and headers are kept`, async (t) => {
    const { app, log, replaced } = await startHost(t, { prepare: (app) => app.addHook('onRequest', hook) })
    const response = await generate(app)

    t.match(response, { statusCode: 429, headers: { 'retry-after': '60', 'content-type': 'application/json; charset=utf-8' } })
    const error = response.json()
    t.matchOnly(error, { id: uuid, name: 'TooManyRequestsError', message: 'Slow down.', details: [{ message: 'Slow down.' }] })
    t.match(log.filter(({ errorId }) => errorId === error.id), [{ level: 30, err: { message: 'Slow down.' } }])
    t.same(replaced, [])
  })
}

t.test('@fastify/rate-limit rejects a call -> its status and headers, and the body of the API', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app.register(rateLimit, { global: false }),
    options: { routeConfig: { generateNewToken: { rateLimit: { max: 1 } } } }
  })
  t.equal((await generate(app)).statusCode, 200)
  const response = await generate(app)

  t.match(response, { statusCode: 429, headers: { 'retry-after': '60', 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0' } })
  const error = response.json()
  t.matchOnly(error, { id: uuid, name: 'TooManyRequestsError', message: /Rate limit exceeded/, details: [{ message: error.message }] })
})

t.test('a rate limit on one route -> the other routes have none', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app.register(rateLimit, { global: false }),
    options: { settingsRoutes: true, routeConfig: { generateNewToken: { rateLimit: { max: 1 } } } }
  })
  await generate(app)
  t.equal((await generate(app)).statusCode, 429)

  const enable = await app.inject({ method: 'POST', url: '/api/admin/scim-settings', headers: admin, body: { enabled: true } })
  t.equal(enable.statusCode, 200)
  t.notOk(enable.headers['x-ratelimit-limit'])
})

t.test('a hook of the host fails with a 5xx -> the response hides its message, the log has it', async (t) => {
  for (const properties of [{}, { statusCode: 502 }, { statusCode: 503, details: secret }, { details: [{ message: secret }] }]) {
    const { app, log } = await startHost(t, {
      prepare: (app) => app.addHook('onRequest', async () => { throw Object.assign(new Error(secret), properties) })
    })
    const response = await generate(app)

    t.equal(response.statusCode, properties.statusCode ?? 500)
    const error = response.json()
    t.matchOnly(error, { id: uuid, name: String, message: /nothing was changed/, details: [{ message: error.message }] })
    t.notMatch(response.payload, secret)
    t.match(log.find(({ errorId }) => errorId === error.id), { level: 50, err: { message: secret, stack: /api-error\.test/ } })
  }
})

t.test('a hook of the host throws a 4xx with details -> the details are in the response', async (t) => {
  const faults = [{ path: '/header', message: 'The header is missing.' }]
  for (const [details, expected] of [[faults, faults], ['a string', [{ message: 'Not so.' }]]] as const) {
    const { app } = await startHost(t, {
      prepare: (app) => app.addHook('onRequest', async () => { throw Object.assign(new Error('Not so.'), { statusCode: 400, details }) })
    })
    t.matchOnly((await generate(app)).json(), { id: uuid, name: 'ValidationError', message: 'Not so.', details: expected })
  }
})

t.test('a hook of the host sets 400 and throws an error with 422 -> 400', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app.addHook('onRequest', async (_request, reply) => {
      reply.code(400)
      throw Object.assign(new Error('Not so.'), { statusCode: 422 })
    })
  })
  t.match(await generate(app), { statusCode: 400 })
})

t.test('a hook of the host throws a ScimError with a cause -> the log has the cause', async (t) => {
  const cause = new Error('the upstream is down')
  const { app, log } = await startHost(t, {
    prepare: (app) => app.addHook('onRequest', async () => { throw new ScimError({ statusCode: 502, message: 'Not now.', cause }) })
  })
  const { id } = (await generate(app)).json()
  t.match(log.find(({ errorId }) => errorId === id), { err: { message: /Not now.*the upstream is down/ } })
})

t.test('a hook of the host throws an object that has only a code -> the log has the code', async (t) => {
  const thrown: unknown = { code: 'ECONNREFUSED' }
  const { app, log } = await startHost(t, { prepare: (app) => app.addHook('onRequest', async () => { throw thrown }) })
  const { id } = (await generate(app)).json()
  t.match(log.find(({ errorId }) => errorId === id), { err: { message: 'ECONNREFUSED', code: 'ECONNREFUSED' } })
})

const statuses: [thrown: unknown, status: number, name: string][] = [
  [{ statusCode: 409, message: 'Not now.' }, 409, 'ConflictError'],
  [Object.assign(new Error('Not now.'), { statusCode: 418 }), 418, 'ImATeapotError'],
  [Object.assign(new Error('Not now.'), { statusCode: 499 }), 499, 'BadRequestError'],
  [Object.assign(new Error(secret), { statusCode: 200 }), 500, 'InternalServerError'],
  [Object.assign(new Error(secret), { statusCode: 600 }), 500, 'InternalServerError'],
  [Object.assign(new Error(secret), { statusCode: '404' }), 500, 'InternalServerError'],
  [Object.assign(new Error(secret), { statusCode: NaN }), 500, 'InternalServerError'],
  [Object.assign(new Error('Not now.'), { statusCode: 0, status: 423 }), 423, 'LockedError'],
  [Object.assign(new Error(secret), { statusCode: 599 }), 599, 'InternalServerError'],
  [secret, 500, 'InternalServerError']
]

for (const [thrown, status, name] of statuses) {
  t.test(`a hook of the host throws ${JSON.stringify(thrown)} -> ${status} ${name}`, async (t) => {
    const { app } = await startHost(t, { prepare: (app) => app.addHook('onRequest', async () => { throw thrown }) })
    const response = await generate(app)

    t.equal(response.statusCode, status)
    t.match(response.json(), { name, message: status < 500 ? 'Not now.' : /Something went wrong/ })
  })
}

for (const hook of ['preSerialization', 'onSend'] as const) {
  t.test(`the ${hook} hook of the host throws after the token is stored -> 500 that says it may be stored, without the token`, async (t) => {
    const { app, replaced } = await startHost(t, {
      prepare: (app) => app.addHook(hook, async (_request, reply) => {
        if (reply.statusCode === 200) throw new Error(secret)
      })
    })
    const response = await generate(app)

    t.equal(replaced.length, 1)
    t.equal(response.statusCode, 500)
    t.match(response.json(), { name: 'InternalServerError', message: /may or may not have been stored/ })
    t.notMatch(response.payload, /scim_/)
  })
}
