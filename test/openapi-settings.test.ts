import swagger from '@fastify/swagger'
import t from 'tap'
import { startHost } from './helpers/host.ts'

const error = {
  type: 'object',
  properties: { id: { type: 'string' }, name: { type: 'string' }, message: { type: 'string' } }
}

// The facts of Unleash's public OpenAPI document, version 7.5.0, without its prose.
const operations = {
  get: {
    tags: ['Auth'],
    operationId: 'getScimSettings',
    'x-stability-level': 'stable',
    responses: { 200: json({ $ref: '#/components/schemas/scimSettingsSchema' }), 401: json(error) }
  },
  post: {
    tags: ['Auth'],
    operationId: 'setScimSettings',
    'x-stability-level': 'stable',
    requestBody: { required: true, ...json({ $ref: '#/components/schemas/setScimSettingsSchema' }) },
    responses: { 200: {}, 400: json(error), 401: json(error), 403: json(error), 415: json(error) }
  }
}

const schemas = {
  scimSettingsSchema: {
    type: 'object',
    required: ['enabled', 'hasToken'],
    additionalProperties: false,
    properties: { enabled: { type: 'boolean' }, hasToken: { type: 'boolean' } }
  },
  setScimSettingsSchema: {
    type: 'object',
    required: ['enabled'],
    properties: { enabled: { type: 'boolean' } }
  }
}

function json (schema: object): object {
  return { content: { 'application/json': { schema } } }
}

t.test("a host documents the settings as Unleash's OpenAPI does, in everything but prose", async (t) => {
  const { app } = await startHost(t, {
    options: { settings: true },
    prepare: async (app) => await app.register(swagger, {
      openapi: { openapi: '3.0.3' },
      refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
    })
  })
  const { paths, components } = JSON.parse(JSON.stringify(app.swagger(), withoutProse))
  t.strictSame(paths['/api/admin/scim-settings'], operations)
  const { scimSettingsSchema, setScimSettingsSchema } = components.schemas
  t.strictSame({ scimSettingsSchema, setScimSettingsSchema }, schemas)
})

/** Leaves out what is for people to read, as a replacer of JSON.stringify. */
function withoutProse (key: string, value: unknown): unknown {
  return ['description', 'summary', 'example'].includes(key) ? undefined : value
}
