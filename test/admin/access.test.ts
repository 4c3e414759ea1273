import t from 'tap'
import type { ScimAuthResolver } from '../../lib/index.ts'
import { failures, internals } from '../helpers/failures.ts'
import { admin, generate, startHost, users, viewer } from '../helpers/host.ts'
import { uuid } from '../helpers/uuid.ts'

t.test('a call -> authenticate(), then authorize() with the same user and the permissions', async (t) => {
  const args: unknown[] = []
  const user = { name: 'someone' }
  const { app } = await startHost(t, {
    options: { permissions: ['ROOT', 'SCIM_ADMIN'] },
    resolver: {
      authenticate (request) { args.push(request.headers.authorization); return user },
      authorize (authenticated, permissions, request) { args.push(authenticated, permissions, request.headers.authorization); return true }
    }
  })
  t.equal((await generate(app, { authorization: 'someone' })).statusCode, 200)
  t.strictSame(args, ['someone', user, ['ROOT', 'SCIM_ADMIN'], 'someone'])
  t.equal(args[1], user, 'the object that authenticate() returned')
})

t.test('authenticate() and authorize() return promises -> 200, 403 or 401', async (t) => {
  const { app } = await startHost(t, {
    resolver: {
      authenticate: async ({ headers }) => headers.authorization === undefined ? null : { name: headers.authorization },
      authorize: async (user) => 'name' in user && user.name === 'admin'
    }
  })
  t.equal((await generate(app, admin)).statusCode, 200)
  t.equal((await generate(app, viewer)).statusCode, 403)
  t.equal((await generate(app, {})).statusCode, 401)
})

t.test('unauthenticated -> 401 that says why and where to log in', async (t) => {
  const { app } = await startHost(t, { options: { loginPath: '/login' } })
  for (const [headers, message] of [
    [{}, /no authorization header and no cookie.*\/login/],
    [{ authorization: 'bogus' }, /credentials.*not accepted.*\/login/],
    [{ cookie: 'session=bogus' }, /credentials.*not accepted.*\/login/]
  ] as const) {
    t.match((await generate(app, headers)).json(), { message })
  }
})

t.test('a user without the permissions -> 403 that names the permissions', async (t) => {
  const { app } = await startHost(t, { options: { permissions: ['ROOT', 'SCIM_ADMIN'] } })
  t.match((await generate(app, admin)).json(), { message: /ROOT, SCIM_ADMIN/ })
})

// A type checker rejects these, but a host may be plain JavaScript.
const wrongReturnValues: { [Method in keyof ScimAuthResolver]: any[] } = {
  authenticate: [false, true, 1, 'admin', () => {}],
  authorize: [undefined, null, 0, 1, 'true', {}]
}
const expected = { authenticate: 'a user object, null or undefined', authorize: 'true or false' }

for (const method of ['authenticate', 'authorize'] as const) {
  for (const { how, call, logged } of failures) {
    t.test(`${method}() ${how} -> 500, no access and nothing stored`, async (t) => {
      const { app, log, replaced } = await startHost(t, { resolver: { ...users, [method]: call } })
      const response = await generate(app)

      t.equal(response.statusCode, 500)
      const error = response.json()
      t.matchOnly(error, { id: uuid, name: 'InternalServerError', message: /nothing was changed/, details: [{ message: error.message }] })
      t.notMatch(response.payload + JSON.stringify(response.headers), internals)
      t.match(log.filter(({ errorId }) => errorId === error.id), [{ level: 50, msg: `scimAuthResolver.${method} failed`, err: { message: logged } }])
      t.same(replaced, [])
    })
  }

  for (const value of wrongReturnValues[method]) {
    t.test(`${method}() returns ${JSON.stringify(value) ?? typeof value} -> 500, no access and nothing stored`, async (t) => {
      const { app, log, replaced } = await startHost(t, { resolver: { ...users, [method]: () => value } })
      const response = await generate(app)

      t.match(response, { statusCode: 500 })
      t.match(log.find(({ errorId }) => errorId === response.json().id), {
        level: 50,
        err: { message: `scimAuthResolver.${method} must return ${expected[method]}, got ${value === null ? 'null' : typeof value}` }
      })
      t.same(replaced, [])
    })
  }

  t.test(`${method}() never settles -> 503 after the timeout, nothing stored`, async (t) => {
    const { app, log, replaced } = await startHost(t, {
      options: { timeout: 50 },
      resolver: { ...users, [method]: () => new Promise(() => {}) }
    })
    const response = await generate(app)

    t.equal(response.statusCode, 503)
    const error = response.json()
    t.matchOnly(error, { id: uuid, name: 'ServiceUnavailableError', message: /nothing was changed/, details: [{ message: error.message }] })
    t.match(log.find(({ errorId }) => errorId === error.id), { level: 50, err: { message: /timed out after 50 ms/ } })
    t.same(replaced, [])
  })
}
