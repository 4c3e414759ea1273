import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import t from 'tap'
import { ScimError } from '../../lib/index.ts'
import { generateToken } from '../../lib/token.ts'
import { noAuthorizationHeader, storeUnavailable, type ScimResponse } from '../helpers/scim-responses.ts'
import { addScimRoutes, startScimHost } from '../helpers/scim-host.ts'

const anyToken = `Bearer ${generateToken()}`
const find = () => { throw new Error('connection refused') }

/** The response without the headers of the error. */
const withoutHeaders = ({ status, body }: ScimResponse): ScimResponse => ({ status, type: 'application/json; charset=utf-8', body })
const messageOnly = ({ status, body }: ScimResponse): ScimResponse => withoutHeaders({ status, body: JSON.stringify({ message: JSON.parse(body).detail }) })
const unchanged = (response: ScimResponse): ScimResponse => response

type ErrorHandler = (error: ScimError, request: FastifyRequest, reply: FastifyReply) => unknown

/** What error handlers of hosts do, and the response that a client gets. */
const errorHandlers: Record<string, [handler: ErrorHandler, toExpected: (response: ScimResponse) => ScimResponse]> = {
  'sends it with its headers': [(error, _request, reply) => reply.headers(error.headers).send(error), unchanged],
  'sends it with its status and headers': [(error, _request, reply) => reply.code(error.statusCode).headers(error.headers).send(error), unchanged],
  'throws it again, asynchronously': [async (error) => { throw error }, unchanged],
  'throws it again': [(error) => { throw error }, withoutHeaders],
  'returns it': [async (error) => error, withoutHeaders],
  'sends it': [(error, _request, reply) => reply.send(error), withoutHeaders],
  'sends its message': [(error, _request, reply) => reply.send({ message: error.message }), messageOnly]
}

for (const [name, [handler, toExpected]] of Object.entries(errorHandlers)) {
  t.test(`the error handler of the host ${name} -> still 401 and 503`, async (t) => {
    const { send } = await startScimHost(t, {
      find,
      async routes (app) {
        app.setErrorHandler(handler)
        await addScimRoutes(app)
      }
    })
    t.strictSame(await send(), toExpected(noAuthorizationHeader))
    t.strictSame(await send(anyToken), toExpected(storeUnavailable))
  })
}

const scimErrorSchema = Type.Object({ schemas: Type.Array(Type.String()), status: Type.String(), detail: Type.Optional(Type.String()) })

const fastifyErrorSchema = Type.Object({ statusCode: Type.Integer(), error: Type.String(), message: Type.String() })

const responseSchemas: Record<string, FastifySchema['response']> = {
  'for its status': { 401: scimErrorSchema, 503: scimErrorSchema },
  'for all errors': { '4xx': scimErrorSchema, '5xx': scimErrorSchema },
  default: { default: scimErrorSchema },
  'default, a union of two': { default: Type.Union([fastifyErrorSchema, scimErrorSchema]) },
  'default, an allOf of one': { default: { allOf: [scimErrorSchema] } },
  'default, by content type': { default: { content: { 'application/scim+json': { schema: scimErrorSchema } } } }
}

for (const [name, response] of Object.entries(responseSchemas)) {
  t.test(`a response schema of the route (${name}) -> still 401 and 503`, async (t) => {
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

t.test('a serializer of the host that allows only the properties of the schema -> still 401 and 503', async (t) => {
  const strictSchema = Type.Object(scimErrorSchema.properties, { additionalProperties: false })
  const { send } = await startScimHost(t, {
    find,
    async routes (app) {
      app.setSerializerCompiler(() => (data) => {
        if (!Value.Check(strictSchema, data)) throw new Error('does not match the schema')
        return JSON.stringify(data)
      })
      app.get('/scim/Users', { onRequest: app.verifyScimToken, schema: { response: { default: strictSchema } } }, async () => 'users')
    }
  })
  t.strictSame(await send(), noAuthorizationHeader)
  t.strictSame(await send(anyToken), storeUnavailable)
})

t.test('onError hooks of the host -> called once for each rejection, with its cause', async (t) => {
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
    { constructor: ScimError, statusCode: 401, message: /no Authorization header/, stack: /^ScimError \[SCIM_TOKEN_MISSING\]: The request has no/, cause: undefined },
    { constructor: ScimError, statusCode: 503, message: /unable to verify/, cause: { cause: { message: 'connection refused', stack: /scim-error\.test/ } } }
  ])
})

t.test('a rejection -> one log line: level info for 401, error for 503', async (t) => {
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
