import { gzipSync } from 'node:zlib'
import auth from '@fastify/auth'
import bearerAuth from '@fastify/bearer-auth'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import csrfProtection from '@fastify/csrf-protection'
import etag from '@fastify/etag'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import multipart from '@fastify/multipart'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import postgres from '@fastify/postgres'
import rateLimit from '@fastify/rate-limit'
import requestContext from '@fastify/request-context'
import responseValidation from '@fastify/response-validation'
import sensible from '@fastify/sensible'
import session from '@fastify/session'
import swagger from '@fastify/swagger'
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import { InMemorySpanExporter, BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { generate as generateCertificate } from 'selfsigned'
import t, { type Test } from 'tap'
import { z } from 'zod'
import { ScimError } from '../../lib/index.ts'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { admin, generatePath, users } from '../helpers/host.ts'
import { secrets } from '../helpers/log.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { scimPath } from '../helpers/scim-host.ts'
import type { Client, ClientRequest } from './client.ts'
import { compare, error, scimError } from './probe.ts'
import { settingsPath, type Credentials, type Host, type RunningHost } from './start-host.ts'

interface User { name: string }

declare module 'fastify' {
  interface Session { user?: User }
}

declare module '@fastify/jwt' {
  interface FastifyJWT { user: User }
}

declare module '@fastify/request-context' {
  interface RequestContextData { user: User | null }
}

const { cert, private: key } = await generateCertificate([{ name: 'commonName', value: '127.0.0.1' }])
const database = await startPostgres()
t.teardown(() => database.stop())

const { authorize } = users
const same = 'every response of the contract, and its own routes unchanged'
const adminPage = 'https://admin.example.com'
const post = { method: 'POST', path: generatePath }
const operationIds = ['generateNewToken', 'getScimSettings', 'setScimSettings']

const jsonScimSchema = {
  response: {
    200: Type.Object({ Resources: Type.Array(Type.Object({})) }),
    '4xx': Type.Object(
      { schemas: Type.Array(Type.String()), status: Type.String(), detail: Type.String() },
      { additionalProperties: false }
    )
  }
}

export const hosts: Host[] = [
  { has: 'Fastify alone', gets: same },

  ...inBothOrders((app) => app.register(helmet), {
    has: '@fastify/helmet',
    gets: 'its headers on the admin routes, too',
    adds: ['content-security-policy', 'x-frame-options', 'strict-transport-security']
  }),

  ...inBothOrders((app) => app.register(cors, { origin: adminPage, credentials: true }), {
    has: '@fastify/cors with a trusted origin',
    gets: 'admin routes that a page on that origin can call, and no other page',
    options: { trustedOrigins: [adminPage] },
    adds: ['access-control-allow-origin'],
    async check (t, { send, credentials }) {
      const page = { origin: adminPage, 'sec-fetch-site': 'cross-site' }
      const preflight = await send({
        method: 'OPTIONS',
        path: settingsPath,
        headers: { ...page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
      })
      t.equal(preflight.status, 204)
      t.match(preflight.headers, { 'access-control-allow-origin': adminPage, 'access-control-allow-headers': 'content-type' })
      const generated = await send({ ...post, headers: { ...page, ...credentials.admin } })
      t.equal(generated.status, 200)
      t.match(generated.headers, { 'access-control-allow-origin': adminPage, 'cache-control': 'no-store' })
    }
  }),

  ...inBothOrders(addCsrfProtection, {
    has: '@fastify/csrf-protection on its own routes',
    gets: same,
    routes: (app) => { app.post('/protected', { preHandler: app.csrfProtection }, async () => 'ok') },
    requests: [{ method: 'POST', path: '/protected' }]
  }),
  ...inBothOrders(async (app) => {
    await addCsrfProtection(app)
    app.addHook('onRequest', (request, reply, done) => {
      if (request.method === 'POST') app.csrfProtection(request, reply, done)
      else done()
    })
  }, {
    has: '@fastify/csrf-protection on all routes',
    gets: 'admin routes that need its token besides, and SCIM routes that no identity provider can write to',
    async headers ({ send }) {
      const { headers, body } = await send({ path: '/csrf' })
      return { cookie: cookieOf(headers), 'csrf-token': JSON.parse(body).token }
    },
    async check (t, { send }) {
      compare(t, 'without its token', await send({ ...post, headers: { ...admin, 'csrf-token': '' } }), error(403, 'NoAccessError', /csrf/i))
      t.match(await send({ method: 'POST', path: scimPath, headers: { 'csrf-token': '' } }), { status: 403, body: /csrf/i })
    }
  }),

  ...inBothOrders((app) => app.register(cookie, { secret: 'a secret of the host' }), {
    has: '@fastify/cookie, and a resolver that reads a signed cookie',
    gets: same,
    resolver: {
      authenticate (request) {
        const { valid, value } = request.unsignCookie(request.cookies['user'] ?? '')
        return valid ? { name: value } : null
      },
      authorize
    },
    routes: (app) => addLogIn(app, (name, _request, reply) => reply.setCookie('user', name, { path: '/', signed: true }).send()),
    logIn: cookieCredentials
  }),
  ...inBothOrders(async (app) => {
    await app.register(cookie)
    await app.register(session, { secret: 'a secret of the host, of 32 characters', cookie: { secure: false } })
  }, {
    has: '@fastify/session, and a resolver that returns its user, undefined for all who are not logged in',
    gets: same,
    resolver: { authenticate: (request) => request.session.user, authorize },
    routes: (app) => addLogIn(app, (name, request, reply) => {
      request.session.user = { name }
      return reply.send()
    }),
    logIn: cookieCredentials
  }),
  ...inBothOrders((app) => app.register(jwt, { secret: 'a secret of the host' }), {
    has: '@fastify/jwt, and a resolver whose jwtVerify throws for all who are not logged in',
    gets: same,
    resolver: {
      async authenticate (request) {
        await request.jwtVerify()
        return request.user
      },
      authorize
    },
    async logIn (_client, app) {
      const bearer = (name: string) => ({ authorization: `Bearer ${app.jwt.sign({ name })}` })
      return { admin: bearer('admin'), viewer: bearer('viewer') }
    }
  }),
  ...inBothOrders((app) => app.register(auth), {
    has: '@fastify/auth, and SCIM routes with another strategy besides the token',
    gets: 'access by either, and the errors of the token, which is last',
    guard: (app) => app.auth([verifyBackup, app.verifyScimToken]),
    async check (t, { send }) {
      t.match(await send({ path: scimPath, headers: { 'x-backup': 'secret' } }), { status: 200 })
    }
  }),
  {
    has: '@fastify/bearer-auth in a scope of its own',
    gets: same,
    after: (app) => app.register(async (scope) => {
      await scope.register(bearerAuth, { keys: ['a key'] })
      scope.get('/with-key', async () => 'ok')
    }),
    requests: [{ path: '/with-key' }, { path: '/with-key', headers: { authorization: 'Bearer a key' } }]
  },
  {
    has: '@fastify/bearer-auth, before the plugin, on all routes',
    gets: 'admin and SCIM routes that only its keys reach',
    before: (app) => app.register(bearerAuth, { keys: ['a key'] }),
    async limit (t, start) {
      const { send, credentials } = await start()
      t.match(await send({ ...post, headers: credentials.admin }), { status: 401, body: /invalid authorization header/ })
      t.match(await send({ path: scimPath, headers: { authorization: 'Bearer scim_token' } }), { status: 401, body: /invalid authorization header/ })
    }
  },

  ...inBothOrders((app) => app.register(formbody), { has: '@fastify/formbody', gets: same }),
  ...inBothOrders((app) => app.register(multipart, { attachFieldsToBody: 'keyValues' }), {
    has: '@fastify/multipart with attachFieldsToBody',
    gets: same
  }),

  {
    has: '@fastify/compress, before the plugin',
    gets: 'compressed responses of the admin routes',
    before: (app) => app.register(compress, { threshold: 0 }),
    headers: () => ({ 'accept-encoding': 'gzip' }),
    async check (t, { send }) {
      const { headers } = await send({ ...post, headers: admin })
      t.match(headers, { 'content-encoding': 'gzip', 'cache-control': 'no-store' })
      const gzipped = (path: string, body: string): ClientRequest => ({
        method: 'POST',
        path,
        headers: { ...admin, 'content-type': 'application/json', 'content-encoding': 'gzip' },
        body: gzipSync(body)
      })
      t.match(await send(gzipped(settingsPath, '{"enabled":true}')), { status: 200 })
      t.match(await send(gzipped(generatePath, '{}')), { status: 200 })
      const tooLarge = await send(gzipped(settingsPath, ' '.repeat(100_000)))
      compare(t, 'a body over 1 KiB once decompressed', tooLarge, error(413, 'PayloadTooLargeError', String))
    }
  },
  {
    has: '@fastify/compress, after the plugin',
    gets: 'uncompressed responses of the admin routes',
    after: (app) => app.register(compress, { threshold: 0 }),
    headers: () => ({ 'accept-encoding': 'gzip' }),
    lacks: ['content-encoding']
  },
  ...inBothOrders((app) => app.register(etag), {
    has: '@fastify/etag',
    gets: 'an ETag on the admin routes, with which the settings are revalidated',
    async check (t, { send }) {
      const { headers } = await send({ path: settingsPath, headers: admin })
      t.match(await send({ path: settingsPath, headers: { ...admin, 'if-none-match': String(headers['etag']) } }), { status: 304, body: '' })
    }
  }),

  {
    has: '@fastify/rate-limit, before the plugin',
    gets: 'failed attempts counted, and a 429 in the shape of the admin routes',
    before: (app) => app.register(rateLimit, { global: false }),
    options: { routeConfig: { generateNewToken: { rateLimit: { max: 50, timeWindow: '10 minutes' } } } },
    async check (t, { send }) {
      const statuses = new Set<number>()
      for (let i = 0; i < 50; i++) {
        const { status } = await send({ ...post, headers: { authorization: 'wrong' } })
        statuses.add(status)
      }
      t.strictSame(statuses, new Set([401, 429]))
      const response = await send({ ...post, headers: admin })
      const { 'retry-after': retryAfter = '', ...headers } = response.headers
      t.match(retryAfter, /^\d+$/)
      compare(t, 'over the limit', { ...response, headers }, error(429, 'TooManyRequestsError', String))
    }
  },
  {
    has: '@fastify/rate-limit, after the plugin, for all routes',
    gets: 'admin routes without a limit',
    after: (app) => app.register(rateLimit, { max: 1000 }),
    lacks: ['x-ratelimit-limit']
  },

  ...inBothOrders((app) => app.register(underPressure, { maxEventLoopDelay: 600_000, exposeStatusRoute: true }), {
    has: '@fastify/under-pressure',
    gets: same,
    requests: [{ path: '/status' }]
  }),
  {
    has: '@fastify/under-pressure, under pressure',
    gets: 'a 503 in the shape of the admin routes, and SCIM requests that get 503 and not 401',
    before: (app) => app.register(underPressure, { healthCheck: async () => false, healthCheckInterval: 600_000 }),
    async limit (t, start) {
      const { send } = await start()
      compare(t, 'generate', await send({ ...post, headers: admin }), error(503, 'ServiceUnavailableError', String, { 'retry-after': '10' }))
      t.match(await send({ path: scimPath }), { status: 503, headers: { 'retry-after': '10', 'content-type': 'application/json; charset=utf-8' } })
    }
  },

  ...inBothOrders((app) => app.register(sensible), {
    has: '@fastify/sensible',
    gets: same,
    routes: (app) => { app.get('/teapot', async () => { throw app.httpErrors.imateapot() }) },
    requests: [{ path: '/teapot' }]
  }),

  ...['3.0.3', '3.1.0'].map((openapi): Host => ({
    has: `@fastify/swagger with OpenAPI ${openapi}, before the plugin`,
    gets: 'the admin routes in a valid document',
    before: (app) => app.register(swagger, { openapi: { openapi, info: { title: 'A host', version: '1.0.0' } } }),
    check: checkDocument
  })),
  {
    has: '@fastify/swagger, after the plugin',
    gets: 'a document without the admin routes',
    after: (app) => app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'A host', version: '1.0.0' } } }),
    async check (t, { app }) {
      t.strictSame(Object.keys(app.swagger().paths ?? {}).filter((path) => path.includes('scim-settings')), [])
      t.match(app.swagger().paths, { '/echo': Object })
    }
  },

  {
    has: '@fastify/response-validation, after the plugin',
    gets: same,
    after: (app) => app.register(responseValidation),
    scimSchema: jsonScimSchema,
    routes: addNumbers,
    requests: [{ path: '/number' }, { path: '/no-number' }]
  },
  {
    has: '@fastify/response-validation, before the plugin',
    gets: 'a boot that fails, because it resolves no shared schemas',
    // It compiles the schemas of each route that is added later, without the shared ones of the app.
    before: (app) => app.register(responseValidation),
    async limit (t, start) {
      await t.rejects(start(), /can't resolve reference/)
    }
  },

  {
    has: 'the TypeBox type provider with its validator',
    gets: same,
    before (app) {
      app.setValidatorCompiler(TypeBoxValidatorCompiler)
      app.withTypeProvider<TypeBoxTypeProvider>().post('/typed', { schema: { body: Type.Object({ n: Type.Number() }) } }, async ({ body }) => body.n)
    },
    scimSchema: jsonScimSchema,
    requests: typedRequests()
  },
  {
    has: 'the Zod type provider with its validator and serializer',
    gets: same,
    before (app) {
      app.setValidatorCompiler(validatorCompiler)
      app.setSerializerCompiler(serializerCompiler)
      const schema = { body: z.object({ n: z.number() }), response: { 200: z.object({ n: z.number() }) } }
      app.withTypeProvider<ZodTypeProvider>().post('/typed', { schema }, async ({ body }) => body)
    },
    scimSchema: {
      response: {
        200: z.object({ Resources: z.array(z.object({})) }),
        '4xx': z.strictObject({ schemas: z.array(z.string()), status: z.string(), detail: z.string() })
      }
    },
    requests: typedRequests()
  },
  {
    has: 'the Zod type provider with its transform for @fastify/swagger, turned off for the admin routes',
    gets: 'the admin routes in a valid document',
    before: addZodDocument,
    options: { routeConfig: Object.fromEntries(operationIds.map((id) => [id, { swaggerTransform: false }])) },
    check: checkDocument
  },
  {
    has: 'the Zod type provider with its transform for @fastify/swagger',
    gets: 'a document that cannot be created, because it transforms no JSON schemas',
    before: addZodDocument,
    async limit (t, start) {
      const { app } = await start()
      t.throws(() => app.swagger(), /Invalid schema passed/)
    }
  },

  {
    has: '@fastify/postgres, with app.pg as db of the PostgreSQL store',
    gets: same,
    async before (app) {
      await app.register(postgres, { connectionString: database.url })
      await app.pg.query('drop table if exists scim_settings, scim_token_audit')
      await app.pg.query(postgresMigration())
    },
    store: (app) => postgresStore<object>({ db: app.pg, createdBy: (user) => (user as User).name }),
    async check (t, { app }) {
      const { rows } = await app.pg.query('select distinct created_by from scim_token_audit')
      t.strictSame(rows, [{ created_by: 'admin' }])
    }
  },

  ...inBothOrders(async (app) => {
    await app.register(requestContext)
    app.addHook('onRequest', async (request) => { request.requestContext.set('user', await users.authenticate(request) as User | null) })
  }, {
    has: '@fastify/request-context, and a resolver that reads the user from it',
    gets: same,
    resolver: { authenticate: (request) => request.requestContext.get('user'), authorize }
  }),

  otelHost(),

  // test/types shows what the compiler sees of the hosts that are cast here.
  {
    has: 'HTTP/2',
    gets: same,
    create: (options) => Fastify({ ...options, http2: true }) as unknown as FastifyInstance
  },
  {
    has: 'HTTP/2 over TLS',
    gets: same,
    create: (options) => Fastify({ ...options, http2: true, https: { key, cert } }) as unknown as FastifyInstance
  },
  {
    has: 'HTTPS',
    gets: same,
    create: (options) => Fastify({ ...options, https: { key, cert } }) as unknown as FastifyInstance
  },
  {
    has: 'trustProxy, behind a proxy that forwards the host in X-Forwarded-Host',
    gets: 'the admin UI under the name of the proxy',
    create: (options) => Fastify({ ...options, trustProxy: true }),
    headers: () => ({ 'x-forwarded-host': 'unleash.example.com', 'x-forwarded-proto': 'https' }),
    pageOrigin: 'https://unleash.example.com'
  },
  {
    has: 'no trustProxy, behind a proxy that forwards the host in X-Forwarded-Host',
    gets: 'a 403 in browsers that send no Sec-Fetch-Site',
    headers: () => ({ 'x-forwarded-host': 'unleash.example.com', 'x-forwarded-proto': 'https' }),
    async limit (t, start) {
      const { send } = await start()
      const page = { ...admin, origin: 'https://unleash.example.com' }
      compare(t, 'an old browser', await send({ ...post, headers: page }), error(403, 'NoAccessError', String))
      compare(t, 'others', await send({ ...post, headers: { ...page, 'sec-fetch-site': 'same-origin' } }), error(404, 'NotFoundError', String))
    }
  },
  {
    has: 'ignoreTrailingSlash',
    gets: 'admin routes and SCIM routes with a slash, too',
    create: (options) => Fastify({ ...options, routerOptions: { ignoreTrailingSlash: true } }),
    async check (t, { send }) {
      t.match(await send({ ...post, path: `${generatePath}/`, headers: admin }), { status: 200 })
      t.match(await send({ path: `${settingsPath}/`, headers: admin }), { status: 200 })
      compare(t, 'SCIM', await send({ path: `${scimPath}/` }), scimError(401, 'Bearer realm="SCIM"'))
    }
  },
  {
    has: 'rewriteUrl, which takes off a path that the proxy adds',
    gets: same,
    create: (options) => Fastify({ ...options, rewriteUrl: ({ url = '' }) => url.replace(/^\/unleash/, '') }),
    base: '/unleash'
  },
  {
    has: 'handlerTimeout',
    gets: 'a 503 in the shape of the admin routes if it expires',
    create: (options) => Fastify({ ...options, handlerTimeout: 2000 }),
    async check (t, { send }) {
      compare(t, 'a store that hangs', await send({ ...post, headers: { ...admin, 'x-store': 'hangs' } }), error(503, 'ServiceUnavailableError', /may or may not/))
    }
  },

  ...inBothOrders(sendScimErrors, { has: 'setErrorHandler that sends a ScimError as it is', gets: same }),
  {
    has: 'setErrorHandler that does not know ScimError',
    gets: 'SCIM errors in the shape of the host, without a challenge, and the contract on the admin routes',
    before (app) {
      app.setErrorHandler((error: Error, _request, reply) => { reply.send({ handled: error.message }) })
    },
    async limit (t, start) {
      const { send } = await start()
      const { status, headers, body } = await send({ path: scimPath })
      t.equal(status, 401)
      t.notOk('www-authenticate' in headers)
      t.match(JSON.parse(body), { handled: String })
      compare(t, 'generate', await send({ ...post, headers: admin }), error(404, 'NotFoundError', String))
    }
  },
  ...inBothOrders((app) => { app.setReplySerializer((payload) => JSON.stringify({ envelope: payload })) }, {
    has: 'setReplySerializer',
    gets: 'its envelope around SCIM responses, as on all of its own routes, and none on the admin routes',
    unwrapScim: open('envelope')
  }),
  ...inBothOrders((app) => { app.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload })) }, {
    has: 'a preSerialization hook that changes payloads',
    gets: 'its change on the admin routes and SCIM responses, too',
    unwrap: open('data'),
    unwrapScim: open('data')
  }),
  ...inBothOrders(addJsonPrefix, {
    has: 'an onSend hook that changes payloads',
    gets: 'its change on the admin routes and SCIM responses, too',
    unwrap: withoutJsonPrefix,
    unwrapScim: withoutJsonPrefix
  })
]

/** The rows of a host that registers something before the plugin, and of one that does so after it. */
function inBothOrders (register: (app: FastifyInstance) => unknown, host: Host): Host[] {
  return [
    { ...host, has: `${host.has}, before the plugin`, before: register },
    { ...host, has: `${host.has}, after the plugin`, after: register }
  ]
}

function otelHost (): Host {
  const exporter = new InMemorySpanExporter()
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  return {
    has: '@fastify/otel, before the plugin',
    gets: 'spans of the admin routes and their errors, without a token or a hash',
    before: (app) => app.register(instrumentation.plugin()),
    async check (t) {
      const spans = exporter.getFinishedSpans()
      t.ok(spans.some(({ attributes }) => attributes['http.route'] === generatePath && attributes['http.response.status_code'] === 200))
      const recorded = JSON.stringify(spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })))
      t.match(recorded, /"exception.type":"SCIM_ADMIN_NO_SETTINGS"/)
      t.match(recorded, /"exception.type":"SCIM_TOKEN_MISSING"/)
      t.notMatch(recorded, secrets)
    }
  }
}

async function addCsrfProtection (app: FastifyInstance): Promise<void> {
  await app.register(cookie)
  await app.register(csrfProtection)
  app.get('/csrf', async (_request, reply) => ({ token: reply.generateCsrf() }))
}

function addLogIn (app: FastifyInstance, logIn: (name: string, request: FastifyRequest, reply: FastifyReply) => unknown): void {
  app.post<{ Params: { name: string } }>('/log-in/:name', (request, reply) => logIn(request.params.name, request, reply))
}

async function cookieCredentials ({ send }: Client): Promise<Credentials> {
  const logIn = async (name: string) => ({ cookie: cookieOf((await send({ method: 'POST', path: `/log-in/${name}` })).headers) })
  return { admin: await logIn('admin'), viewer: await logIn('viewer') }
}

function cookieOf (headers: Record<string, unknown>): string {
  return String([headers['set-cookie']].flat()[0]).split(';', 1)[0]!
}

async function verifyBackup ({ headers }: FastifyRequest): Promise<void> {
  if (headers['x-backup'] !== 'secret') throw new Error('not the backup job')
}

function addNumbers (app: FastifyInstance): void {
  const schema = { response: { 200: Type.Object({ n: Type.Number() }) } }
  app.get('/number', { schema }, async () => ({ n: 1 }))
  app.get('/no-number', { schema }, async () => ({ n: 'one' }))
}

function typedRequests () {
  return ['{"n":1}', '{"n":"1"}', '{}'].map((body) => ({ method: 'POST', path: '/typed', headers: { 'content-type': 'application/json' }, body }))
}

async function addZodDocument (app: FastifyInstance): Promise<void> {
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'A host', version: '1.0.0' } }, transform: jsonSchemaTransform })
}

async function checkDocument (t: Test, { app }: RunningHost): Promise<void> {
  const document = JSON.parse(JSON.stringify(app.swagger()))
  const operations = Object.values<Record<string, { operationId?: string }>>(document.paths).flatMap((path) => Object.values(path))
  t.strictSame(operations.map(({ operationId }) => operationId).filter((id) => id !== undefined).sort(), operationIds)
  t.match(await new Validator().validate(document), { valid: true })
}

function sendScimErrors (app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof ScimError) return reply.code(error.statusCode).headers(error.headers).send(error)
    return reply.code(555).send({ handled: String(error) })
  })
}

/** Returns a function that takes a body out of an object with this only property. */
function open (property: string): (body: string) => string {
  return (body) => {
    const { [property]: payload, ...rest } = JSON.parse(body)
    if (Object.keys(rest).length > 0) throw new Error(`not an object with "${property}" alone: ${body}`)
    return JSON.stringify(payload)
  }
}

// Against pages that load JSON as a script.
const jsonPrefix = ")]}',\n"

function addJsonPrefix (app: FastifyInstance): void {
  app.addHook('onSend', async (_request, _reply, payload) => typeof payload === 'string' && payload !== '' ? jsonPrefix + payload : payload)
}

function withoutJsonPrefix (body: string): string {
  if (!body.startsWith(jsonPrefix)) throw new Error(`without the prefix: ${body}`)
  return body.slice(jsonPrefix.length)
}
