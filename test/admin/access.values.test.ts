import t from 'tap'
import { ScimError, type ScimAuthResolver } from '../../lib/index.ts'
import { generate, startHost, users } from '../helpers/host.ts'
import { uuid } from '../helpers/uuid.ts'

// As `jwtVerify` of @fastify/jwt throws.
const status = (statusCode: number) => Object.assign(new Error('Authorization token is invalid'), { statusCode, code: 'FST_JWT' })
const rejects = async (error: Error) => { throw error }
const throws = (error: Error) => { throw error }

const unauthenticated: Record<string, any> = {
  'authenticate() returns undefined': () => undefined,
  'authenticate() resolves to undefined': async () => undefined,
  'authenticate() throws an error with statusCode 401': () => throws(status(401)),
  'authenticate() rejects with an error with statusCode 401': () => rejects(status(401)),
  'authenticate() throws a ScimError with statusCode 401': () => { throw new ScimError({ statusCode: 401, message: 'Authorization token is invalid' }) }
}

for (const [what, authenticate] of Object.entries(unauthenticated)) {
  t.test(`${what} -> 401 in the shape and words of the API, and no error in the log`, async (t) => {
    const { app, log, replaced } = await startHost(t, { resolver: { ...users, authenticate } })
    const response = await generate(app)
    t.match(response, { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } })
    t.matchOnly(response.json(), { id: uuid, name: 'AuthenticationRequired', message: /^You must log in: .* Log in at \/auth\/simple\/login\.$/ })
    t.strictSame(log.filter(({ level }) => level >= 40), [])
    t.strictSame(replaced, [])
  })
}

for (const [how, fail] of [['throws', throws], ['rejects with', rejects]] as const) {
  t.test(`authorize() ${how} an error with statusCode 403 -> 403 that names the permissions, and no error in the log`, async (t) => {
    const { app, log, replaced } = await startHost(t, { resolver: { ...users, authorize: () => fail(status(403)) } })
    const response = await generate(app)
    t.equal(response.statusCode, 403)
    t.matchOnly(response.json(), { id: uuid, name: 'NoAccessError', message: /permissions to do this: ADMIN, UPDATE_AUTH_CONFIGURATION\.$/ })
    t.strictSame(log.filter(({ level }) => level >= 40), [])
    t.strictSame(replaced, [])
  })
}

const broken: [what: string, resolver: Partial<ScimAuthResolver>, logged: string][] = [
  ['authenticate() returns the rows of a query', { authenticate: () => [{ name: 'admin' }] }, 'scimAuthResolver.authenticate must return a user object, null or undefined, got an array'],
  ['authenticate() returns no rows', { authenticate: () => [] }, 'scimAuthResolver.authenticate must return a user object, null or undefined, got an array'],
  ['authenticate() returns an Error', { authenticate: () => new Error('not logged in') }, 'scimAuthResolver.authenticate must return a user object, null or undefined, got an Error'],
  ['authenticate() throws an error with statusCode 403', { authenticate: () => throws(status(403)) }, 'Authorization token is invalid'],
  ['authorize() throws an error with statusCode 401', { authorize: () => throws(status(401)) }, 'Authorization token is invalid']
]

for (const [what, resolver, logged] of broken) {
  t.test(`${what} -> 500, and the log has the cause`, async (t) => {
    const { app, log, replaced } = await startHost(t, { resolver: { ...users, ...resolver } })
    const response = await generate(app)
    t.match(response, { statusCode: 500 })
    t.match(log.find(({ errorId }) => errorId === response.json().id)?.err?.message, logged)
    t.strictSame(replaced, [])
  })
}
