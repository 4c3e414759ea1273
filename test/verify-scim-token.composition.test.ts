import auth from '@fastify/auth'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { VerifyScimToken } from '../lib/index.ts'
import { generateToken, hashToken } from '../lib/token.ts'
import { accepted, unknownToken, noAuthorizationHeader, storeUnavailable, type ScimResponse } from './helpers/scim-responses.ts'
import { startScimHost } from './helpers/scim-host.ts'
import { wrongToken } from './helpers/tokens.ts'

const token = generateToken()

/** Other strategies of a host. */
const letsIn = async () => {}
const refuses = (_request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => { done(new Error('not you')) }
const forbids = async () => { throw Object.assign(new Error('not you'), { statusCode: 403 }) }

/** How @fastify/auth answers for a strategy that threw such an error. */
const unauthorized = jsonError(401, 'Unauthorized')
const forbidden = jsonError(403, 'Forbidden')
const unavailable = jsonError(503, 'Service Unavailable')

type Strategy = VerifyScimToken | typeof refuses | typeof letsIn
type Answers = Record<'right' | 'wrong' | 'none' | 'down', ScimResponse>

/** What is composed, and the answers to the right token, a wrong one, none, and while the store is down. */
interface Composition {
  strategies: (verify: VerifyScimToken) => (Strategy | Strategy[])[]
  options?: { relation?: 'and' | 'or', run?: 'all' }
  answers: Answers
}

const asAlone: Answers = { right: accepted, wrong: unknownToken, none: noAuthorizationHeader, down: storeUnavailable }
const always = (answer: ScimResponse): Answers => ({ right: answer, wrong: answer, none: answer, down: answer })
const and = { relation: 'and' } as const

const compositions: Record<string, Composition> = {
  alone: { strategies: (verify) => [verify], answers: asAlone },
  'or one that lets in': { strategies: (verify) => [verify, letsIn], answers: always(accepted) },
  'or, after one that lets in': { strategies: (verify) => [letsIn, verify], answers: always(accepted) },
  'or, after one that refuses': { strategies: (verify) => [refuses, verify], answers: asAlone },
  'or, after one that forbids': { strategies: (verify) => [forbids, verify], answers: asAlone },
  // The last to refuse is the one that answers.
  'or one that refuses': { strategies: (verify) => [verify, refuses], answers: { right: accepted, wrong: unauthorized, none: unauthorized, down: unavailable } },
  'or one that forbids': { strategies: (verify) => [verify, forbids], answers: { ...always(forbidden), right: accepted } },
  'or one that lets in, all run': { strategies: (verify) => [verify, letsIn], options: { run: 'all' }, answers: always(accepted) },
  'or, after one that lets in, all run': { strategies: (verify) => [letsIn, verify], options: { run: 'all' }, answers: always(accepted) },
  'or, after one that refuses, all run': { strategies: (verify) => [refuses, verify], options: { run: 'all' }, answers: asAlone },
  'and one that lets in': { strategies: (verify) => [verify, letsIn], options: and, answers: asAlone },
  'and, after one that lets in': { strategies: (verify) => [letsIn, verify], options: and, answers: asAlone },
  'and one that refuses': { strategies: (verify) => [verify, refuses], options: and, answers: { ...asAlone, right: unauthorized } },
  'and, after one that refuses': { strategies: (verify) => [refuses, verify], options: and, answers: always(unauthorized) },
  'and one that lets in, all run': { strategies: (verify) => [verify, letsIn], options: { ...and, run: 'all' }, answers: asAlone },
  'and one that lets in, or one that refuses': { strategies: (verify) => [refuses, [verify, letsIn]], answers: asAlone },
  'and one that refuses, or one that lets in': { strategies: (verify) => [[verify, refuses], letsIn], answers: always(accepted) },
  'or one that refuses, and one that lets in': { strategies: (verify) => [letsIn, [refuses, verify]], options: and, answers: asAlone }
}

for (const [name, { strategies, options, answers }] of Object.entries(compositions)) {
  t.test(`composed by @fastify/auth, ${name}`, async (t) => {
    let down = false
    const { send } = await startScimHost(t, {
      find () {
        if (down) throw new Error('connection refused')
        return { hash: hashToken(token), createdAt: new Date() }
      },
      async routes (app) {
        await app.register(auth)
        app.get('/scim/Users', { onRequest: app.auth(strategies(app.verifyScimToken), options) }, async () => 'users')
      }
    })
    const right = await send(`Bearer ${token}`)
    const wrong = await send(`Bearer ${wrongToken(token, 47)}`)
    const none = await send()
    down = true
    t.strictSame({ right, wrong, none, down: await send(`Bearer ${token}`) }, answers)
  })
}

t.test('a refusal leaves no trace in the answer where another strategy lets in', async (t) => {
  const { app } = await startScimHost(t, {
    find () { throw new Error('connection refused') },
    async routes (app) {
      await app.register(auth)
      app.get('/open', async () => 'users')
      app.get('/scim/Users', { onRequest: app.auth([app.verifyScimToken, letsIn]) }, async () => 'users')
    }
  })
  const answerTo = async (url: string, authorization: string) => {
    const { statusCode, headers: { date, ...headers }, body } = await app.inject({ url, headers: { authorization } })
    return { statusCode, headers, body }
  }
  const untouched = await answerTo('/open', '')
  for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${token}`]) {
    t.strictSame(await answerTo('/scim/Users', authorization), untouched, authorization.slice(0, 8))
  }
})

function jsonError (status: number, error: string): ScimResponse {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify({ statusCode: status, error, message: 'not you' }) }
}
