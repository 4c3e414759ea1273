import auth from '@fastify/auth'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { VerifyScimToken } from '../../lib/index.ts'
import { generateToken, hashToken } from '../../lib/token.ts'
import { accepted, unknownToken, noAuthorizationHeader, storeUnavailable, type ScimResponse } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'
import { wrongToken } from '../helpers/tokens.ts'

const token = generateToken()

/** Other strategies of a host. */
const accepts = async () => {}
const rejects = (_request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => { done(new Error('not you')) }
const forbids = async () => { throw Object.assign(new Error('not you'), { statusCode: 403 }) }

/** The responses of @fastify/auth if such a strategy is the last to fail. */
const unauthorized = jsonError(401, 'Unauthorized')
const forbidden = jsonError(403, 'Forbidden')
const unavailable = jsonError(503, 'Service Unavailable')

type Strategy = VerifyScimToken | typeof rejects | typeof accepts
type Responses = Record<'valid' | 'wrong' | 'none' | 'unavailable', ScimResponse>

/** Strategies composed by @fastify/auth, and the responses to the valid token, a wrong one, none, and while the store fails. */
interface Composition {
  strategies: (verify: VerifyScimToken) => (Strategy | Strategy[])[]
  options?: { relation?: 'and' | 'or', run?: 'all' }
  responses: Responses
}

const asAlone: Responses = { valid: accepted, wrong: unknownToken, none: noAuthorizationHeader, unavailable: storeUnavailable }
const always = (response: ScimResponse): Responses => ({ valid: response, wrong: response, none: response, unavailable: response })
const and = { relation: 'and' } as const

const compositions: Record<string, Composition> = {
  alone: { strategies: (verify) => [verify], responses: asAlone },
  'or one that accepts': { strategies: (verify) => [verify, accepts], responses: always(accepted) },
  'or, after one that accepts': { strategies: (verify) => [accepts, verify], responses: always(accepted) },
  'or, after one that rejects': { strategies: (verify) => [rejects, verify], responses: asAlone },
  'or, after one that forbids': { strategies: (verify) => [forbids, verify], responses: asAlone },
  // @fastify/auth responds with the error of the last strategy.
  'or one that rejects': { strategies: (verify) => [verify, rejects], responses: { valid: accepted, wrong: unauthorized, none: unauthorized, unavailable } },
  'or one that forbids': { strategies: (verify) => [verify, forbids], responses: { ...always(forbidden), valid: accepted } },
  'or one that accepts, all run': { strategies: (verify) => [verify, accepts], options: { run: 'all' }, responses: always(accepted) },
  'or, after one that accepts, all run': { strategies: (verify) => [accepts, verify], options: { run: 'all' }, responses: always(accepted) },
  'or, after one that rejects, all run': { strategies: (verify) => [rejects, verify], options: { run: 'all' }, responses: asAlone },
  'and one that accepts': { strategies: (verify) => [verify, accepts], options: and, responses: asAlone },
  'and, after one that accepts': { strategies: (verify) => [accepts, verify], options: and, responses: asAlone },
  'and one that rejects': { strategies: (verify) => [verify, rejects], options: and, responses: { ...asAlone, valid: unauthorized } },
  'and, after one that rejects': { strategies: (verify) => [rejects, verify], options: and, responses: always(unauthorized) },
  'and one that accepts, all run': { strategies: (verify) => [verify, accepts], options: { ...and, run: 'all' }, responses: asAlone },
  'and one that accepts, or one that rejects': { strategies: (verify) => [rejects, [verify, accepts]], responses: asAlone },
  'and one that rejects, or one that accepts': { strategies: (verify) => [[verify, rejects], accepts], responses: always(accepted) },
  'or one that rejects, and one that accepts': { strategies: (verify) => [accepts, [rejects, verify]], options: and, responses: asAlone }
}

for (const [name, { strategies, options, responses }] of Object.entries(compositions)) {
  t.test(`verifyScimToken in @fastify/auth: ${name} -> its own responses unless another strategy decides`, async (t) => {
    let storeFails = false
    const { send } = await startScimHost(t, {
      find () {
        if (storeFails) throw new Error('connection refused')
        return { hash: hashToken(token), createdAt: new Date() }
      },
      async routes (app) {
        await app.register(auth)
        app.get('/scim/Users', { onRequest: app.auth(strategies(app.verifyScimToken), options) }, async () => 'users')
      }
    })
    const valid = await send(`Bearer ${token}`)
    const wrong = await send(`Bearer ${wrongToken(token, 47)}`)
    const none = await send()
    storeFails = true
    t.strictSame({ valid, wrong, none, unavailable: await send(`Bearer ${token}`) }, responses)
  })
}

t.test('rejected by verifyScimToken, accepted by another strategy -> no trace of the rejection in the response', async (t) => {
  const { app } = await startScimHost(t, {
    find () { throw new Error('connection refused') },
    async routes (app) {
      await app.register(auth)
      app.get('/open', async () => 'users')
      app.get('/scim/Users', { onRequest: app.auth([app.verifyScimToken, accepts]) }, async () => 'users')
    }
  })
  const responseTo = async (url: string, authorization: string) => {
    const { statusCode, headers: { date, ...headers }, body } = await app.inject({ url, headers: { authorization } })
    return { statusCode, headers, body }
  }
  const untouched = await responseTo('/open', '')
  for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${token}`]) {
    t.strictSame(await responseTo('/scim/Users', authorization), untouched, authorization.slice(0, 8))
  }
})

function jsonError (status: number, error: string): ScimResponse {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify({ statusCode: status, error, message: 'not you' }) }
}
