import Fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { admin, generate, generatePath, registerScimToken, startHost, type HostSetup } from './helpers/host.ts'
import { uuid } from './helpers/uuid.ts'

const numberSchema = { $id: 'number', type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }

/** Adds routes that show how a host handles bodies, responses and errors. */
function addRoutes (app: FastifyInstance): void {
  app.addSchema(numberSchema)
  const schema = { body: { $ref: 'number#' }, response: { 200: { $ref: 'number#' } } }
  app.post('/echo', async ({ body }) => ({ body }))
  app.post('/number', { schema }, async ({ body }) => body)
  app.get('/throws', async () => { throw new Error('of the host') })
  app.get('/throws-403', async () => { throw Object.assign(new Error('of the host'), { statusCode: 403, headers: { 'x-header': 'of the host' } }) })
  app.get('/throws-text', async ({ url }) => { throw url })
  app.register(async (scope) => { scope.post('/in-a-scope', async ({ body }) => ({ body })) })
}

/** Replaces every handler, parser and compiler of a host. */
function customise (app: FastifyInstance): void {
  app.setErrorHandler((error: Error, _request, reply) => { reply.code(555).send({ handled: error.message }) })
  app.setNotFoundHandler((request, reply) => { reply.code(404).send({ missing: request.url }) })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => done(null, { form: body }))
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, { anything: body }))
  app.setValidatorCompiler(() => (data) => typeof data.n === 'number' ? { value: data } : { error: new Error('not valid for the host') })
  app.setSerializerCompiler(() => (data) => JSON.stringify({ serialized: data }))
  app.setSchemaErrorFormatter(() => new Error('formatted by the host'))
  app.addHook('onSend', async (_request, reply) => { reply.header('x-host', 'yes') })
}

const post = (url: string, type: string | undefined, body: string): InjectOptions =>
  ({ method: 'POST', url, headers: { ...(type !== undefined && { 'content-type': type }) }, body })

const requests: InjectOptions[] = [
  post('/echo', 'application/json', '{"n":1}'),
  post('/echo', 'application/json', ''),
  post('/echo', 'application/json', '{"n":'),
  post('/echo', 'application/json', '{"__proto__":1}'),
  post('/echo', 'application/json', JSON.stringify({ long: 'x'.repeat(5000) })),
  post('/echo', 'application/json', JSON.stringify({ long: 'x'.repeat(1024 * 1024) })),
  post('/echo', 'text/plain', 'hello'),
  post('/echo', 'application/x-www-form-urlencoded', 'a=b'),
  post('/echo', 'application/xml', '<a/>'),
  post('/echo', 'garbage', 'a'),
  post('/in-a-scope', 'application/json', '{'),
  post('/in-a-scope', 'application/xml', '<a/>'),
  post('/number', 'application/json', '{"n":"1"}'),
  post('/number', 'application/json', '{"n":1,"more":2}'),
  post('/number', 'application/json', '{"n":"one"}'),
  post('/number', 'application/json', '{}'),
  { url: '/throws' },
  { url: '/throws-403' },
  { url: '/throws-text' },
  { url: '/missing' },
  { url: generatePath },
  { method: 'OPTIONS', url: '/echo' },
  post('/api/admin/scim-settings', 'application/json', '{}'),
  post('/api/admin/scim-settings/generate-new-token/more', 'application/json', '{')
]

const hosts = {
  'a host with the defaults of Fastify': () => {},
  'a host with its own handlers, parsers and compilers': customise
}

for (const [name, prepare] of Object.entries(hosts)) {
  t.test(`${name} registers the plugin -> its other routes respond as before`, async (t) => {
    const bare = Fastify()
    t.teardown(() => bare.close())
    prepare(bare)
    addRoutes(bare)
    const { app } = await startHost(t, {
      prepare (app) {
        prepare(app)
        addRoutes(app)
      }
    })

    for (const request of requests) {
      const [expected, actual] = [await bare.inject(request), await app.inject(request)]
      t.strictSame(visible(actual), visible(expected), `${request.method ?? 'GET'} ${String(request.url)} ${String(request.body ?? '').slice(0, 20)}`)
    }
    t.match((await generate(app)).json(), { token: String }, 'and it generates a token')
  })
}

t.test('a host is set up after the plugin is registered -> the same responses', async (t) => {
  const before = Fastify()
  const after = Fastify()
  customise(before)
  addRoutes(before)
  for (const app of [before, after]) {
    registerScimToken(app)
  }
  customise(after)
  addRoutes(after)
  for (const request of requests) t.strictSame(visible(await after.inject(request)), visible(await before.inject(request)))
  await Promise.all([before.close(), after.close()])
})

t.test('a host registers the plugin -> its schemas and parsers stay, and it gains one route and two decorators', async (t) => {
  const { app } = await startHost(t, { prepare: addRoutes })
  const bare = Fastify()
  addRoutes(bare)
  await bare.ready()

  t.strictSame(app.getSchemas(), bare.getSchemas())
  for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', '*']) {
    t.equal(app.hasContentTypeParser(type), bare.hasContentTypeParser(type), type)
  }
  t.ok(app.hasRoute({ method: 'POST', url: generatePath }))
  t.ok(app.hasDecorator('verifyScimToken'))
  t.ok(app.hasRequestDecorator('scimToken'))
  for (const inside of ['httpErrors', 'assert', 'to']) t.notOk(app.hasDecorator(inside), inside)
  await bare.close()
})

// Like the compilers of other schema libraries.
const compiler = () => { throw new Error('not a schema of this library') }

const customised: Record<string, HostSetup> = {
  'validator compiler': { prepare: (app) => app.setValidatorCompiler(compiler) },
  'serializer compiler': { prepare: (app) => app.setSerializerCompiler(compiler) },
  'compiler factory': {
    server: { schemaController: { compilersFactory: { buildValidator: () => compiler, buildSerializer: () => compiler } } }
  },
  'reply serializer': { prepare: (app) => app.setReplySerializer((payload) => JSON.stringify({ envelope: payload })) },
  'schema error formatter': { prepare: (app) => app.setSchemaErrorFormatter(() => new Error('formatted by the host')) }
}

for (const [what, setup] of Object.entries(customised)) {
  t.test(`a host with its own ${what} -> the plugin responds the same`, async (t) => {
    const { app } = await startHost(t, setup)
    t.matchOnly((await generate(app, admin)).json(), { token: String })
    t.matchOnly((await generate(app, {})).json(), { id: uuid, name: 'AuthenticationRequired', message: String })
    const tooLarge = await app.inject({ method: 'POST', url: generatePath, headers: admin, body: 'x'.repeat(2000) })
    t.matchOnly(tooLarge.json(), { id: uuid, name: 'PayloadTooLargeError', message: String, details: [{ message: String }] })
  })
}

/** Returns what a client sees of a response, without the time. */
function visible ({ statusCode, headers, payload }: LightMyRequestResponse) {
  const { date, ...rest } = headers
  return { statusCode, headers: rest, payload }
}
