import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import t, { type Test } from 'tap'
import type { ScimTokenOptions } from '../lib/index.ts'
import { path, startHost } from './helpers/host.ts'

/** The document of a host that describes its API with @fastify/swagger. */
async function documentOf (t: Test, options: ScimTokenOptions = {}) {
  const { app } = await startHost(t, {
    options,
    prepare: (app) => app.register(swagger, {
      openapi: {
        openapi: '3.0.3',
        info: { title: 'A host', version: '1.0.0' },
        components: {
          securitySchemes: {
            apiKey: { type: 'apiKey', in: 'header', name: 'Authorization' },
            bearerToken: { type: 'http', scheme: 'bearer' }
          }
        },
        security: [{ apiKey: [] }, { bearerToken: [] }]
      },
      refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
    })
  })
  return JSON.parse(JSON.stringify(app.swagger()))
}

/** Leaves out what is prose: it is the package's own. */
function withoutProse (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProse)
  if (typeof value !== 'object' || value === null) return value
  const prose = ['title', 'summary', 'description', 'example']
  return Object.fromEntries(Object.entries(value).filter(([key]) => !prose.includes(key)).map(([key, part]) => [key, withoutProse(part)]))
}

const error = {
  content: {
    'application/json': {
      schema: { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' }, message: { type: 'string' } } }
    }
  }
}

t.test('the operation generateNewToken is that of Unleash in all but prose', async (t) => {
  const document = await documentOf(t)
  t.strictSame(withoutProse(document.paths), {
    [path]: {
      post: {
        operationId: 'generateNewToken',
        tags: ['Auth'],
        'x-stability-level': 'stable',
        responses: {
          200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/scimTokenSchema' } } } },
          401: error,
          403: error,
          404: error
        }
      }
    }
  })
  t.strictSame(withoutProse(document.components.schemas), {
    scimTokenSchema: {
      type: 'object',
      properties: { token: { type: 'string' } },
      required: ['token'],
      additionalProperties: false
    }
  })
})

t.test('the operation leaves security to the document, as Unleash does', async (t) => {
  const document = await documentOf(t)
  t.notOk('security' in document.paths[path].post)
  t.strictSame(document.security, [{ apiKey: [] }, { bearerToken: [] }])
})

t.test('the operation, its answers and their fields are described, with examples', async (t) => {
  const { paths: { [path]: { post } }, components: { schemas: { scimTokenSchema } } } = await documentOf(t)
  const fields = ['401', '403', '404'].flatMap((status) => Object.values(post.responses[status].content['application/json'].schema.properties))
  const described = [post, scimTokenSchema, ...Object.values(post.responses), ...fields, scimTokenSchema.properties.token]

  t.strictSame(described.filter(({ description }) => !description), [])
  t.ok(post.summary)
  t.strictSame([...fields, scimTokenSchema.properties.token].filter(({ example }) => !example), [])
  t.strictSame(['401', '403', '404'].map((status) => post.responses[status].content['application/json'].schema.properties.name.example),
    ['AuthenticationRequired', 'NoAccessError', 'NotFoundError'])
})

for (const [what, options] of [['', {}], [', the settings routes and a prefix included', { settings: true, prefix: '/unleash' }]] as const) {
  t.test(`the document is valid OpenAPI 3${what}`, async (t) => {
    const { valid, errors } = await new Validator().validate(await documentOf(t, options))
    t.ok(valid, JSON.stringify(errors))
  })
}
