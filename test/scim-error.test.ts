import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import t from 'tap'
import { ScimError } from '../lib/index.ts'
import { generateToken } from '../lib/token.ts'
import { noAuthorizationHeader, storeUnavailable, type ScimResponse } from './helpers/scim-responses.ts'
import { addScimRoutes, startScimHost } from './helpers/scim-host.ts'

const anyToken = `Bearer ${generateToken()}`
const find = () => { throw new Error('connection refused') }

/** Without its headers, a refusal is still no success. */
const bare = ({ status, body }: ScimResponse): ScimResponse => ({ status, type: 'application/json; charset=utf-8', body })
const message = ({ status, body }: ScimResponse): ScimResponse => bare({ status, body: JSON.stringify({ message: JSON.parse(body).detail }) })
const whole = (answer: ScimResponse): ScimResponse => answer

type ErrorHandler = (error: ScimError, request: FastifyRequest, reply: FastifyReply) => unknown

/** What hosts do in their error handler, and what becomes of the answer. */
const errorHandlers: Record<string, [handler: ErrorHandler, becomes: (answer: ScimResponse) => ScimResponse]> = {
  'sends it with its headers': [(error, _request, reply) => reply.headers(error.headers).send(error), whole],
  'sends it with its status and headers': [(error, _request, reply) => reply.code(error.statusCode).headers(error.headers).send(error), whole],
  'throws it again, asynchronously': [async (error) => { throw error }, whole],
  'throws it again': [(error) => { throw error }, bare],
  'returns it': [async (error) => error, bare],
  'sends it': [(error, _request, reply) => reply.send(error), bare],
  'sends its message': [(error, _request, reply) => reply.send({ message: error.message }), message]
}

for (const [name, [handler, becomes]] of Object.entries(errorHandlers)) {
  t.test(`a host whose error handler ${name} refuses as well`, async (t) => {
    const { send } = await startScimHost(t, {
      find,
      async routes (app) {
        app.setErrorHandler(handler)
        await addScimRoutes(app)
      }
    })
    t.strictSame(await send(), becomes(noAuthorizationHeader))
    t.strictSame(await send(anyToken), becomes(storeUnavailable))
  })
}

const scimErrorSchema = Type.Object({ schemas: Type.Array(Type.String()), status: Type.String(), detail: Type.Optional(Type.String()) })

const fastifyErrorSchema = Type.Object({ statusCode: Type.Integer(), error: Type.String(), message: Type.String() })

const responseSchemas: Record<string, FastifySchema['response']> = {
  'of its status': { 401: scimErrorSchema, 503: scimErrorSchema },
  'of all errors': { '4xx': scimErrorSchema, '5xx': scimErrorSchema },
  'by default': { default: scimErrorSchema },
  'one of two': { default: Type.Union([fastifyErrorSchema, scimErrorSchema]) },
  'all of one': { default: { allOf: [scimErrorSchema] } },
  'by content type': { default: { content: { 'application/scim+json': { schema: scimErrorSchema } } } }
}

for (const [name, response] of Object.entries(responseSchemas)) {
  t.test(`a route with a response schema ${name} refuses as well`, async (t) => {
    const { send } = await startScimHost(t, {
      find,
      routes (app) {
        app.get('/scim/Users', { onRequest: app.verifyScimToken, schema: { response } }, async () => 'users')
      }
    })
    t.strictSame(await send(), noAuthorizationHeader)
    t.strictSame(await send(anyToken), storeUnavailable)
  })
}

t.test('a host whose serializers check what they get refuses as well', async (t) => {
  const { send } = await startScimHost(t, {
    find,
    async routes (app) {
      app.setSerializerCompiler(() => (data) => {
        if (!Value.Check(scimErrorSchema, data)) throw new Error('not as the schema has it')
        return JSON.stringify(data)
      })
      app.get('/scim/Users', { onRequest: app.verifyScimToken, schema: { response: { default: scimErrorSchema } } }, async () => 'users')
    }
  })
  t.strictSame(await send(), noAuthorizationHeader)
  t.strictSame(await send(anyToken), storeUnavailable)
})

t.test('the onError hooks of a host see each refusal once, with its cause', async (t) => {
  const seen: unknown[] = []
  const { send } = await startScimHost(t, {
    find,
    async routes (app) {
      app.addHook('onError', async (_request, _reply, error) => { seen.push(error) })
      await addScimRoutes(app)
    }
  })
  await send()
  await send(anyToken)
  t.match(seen, [
    { constructor: ScimError, statusCode: 401, message: /no Authorization header/, stack: undefined, cause: undefined },
    { constructor: ScimError, statusCode: 503, message: /unable to verify/, cause: { cause: { message: 'connection refused', stack: /scim-error\.test/ } } }
  ])
})

t.test('a refusal is logged once: 401 for information, 503 as an error', async (t) => {
  const { send, log } = await startScimHost(t, { find })
  await send()
  await send(anyToken)
  const lines = log.filter(({ err }) => err !== undefined)
  t.match(lines, [
    { level: 30, msg: JSON.parse(noAuthorizationHeader.body).detail, err: { type: 'ScimError' } },
    { level: 50, msg: JSON.parse(storeUnavailable.body).detail, err: { type: 'ScimError' } }
  ])
  t.equal(lines.length, 2)
})
