import t from 'tap'
import { errorResponse, generateOpenApi, lacksDescription, withoutProse } from '../helpers/openapi.ts'

const settingsPath = '/api/admin/scim-settings'

// From Unleash's public OpenAPI document, version 7.5.0, without its prose.
const operations = {
  get: {
    tags: ['Auth'],
    operationId: 'getScimSettings',
    'x-stability-level': 'stable',
    responses: {
      200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/scimSettingsSchema' } } } },
      401: errorResponse
    }
  },
  post: {
    tags: ['Auth'],
    operationId: 'setScimSettings',
    'x-stability-level': 'stable',
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/setScimSettingsSchema' } } }
    },
    responses: { 200: {}, 400: errorResponse, 401: errorResponse, 403: errorResponse, 415: errorResponse }
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

t.test('the OpenAPI operations of the settings -> equal those of Unleash except for the prose', async (t) => {
  const { paths, components } = await generateOpenApi(t, { settingsRoutes: true })
  const { scimSettingsSchema, setScimSettingsSchema } = components.schemas
  t.strictSame(withoutProse(paths[settingsPath]), operations)
  t.strictSame(withoutProse({ scimSettingsSchema, setScimSettingsSchema }), schemas)
})

t.test('the OpenAPI operations of the settings -> have descriptions and examples throughout', async (t) => {
  const { paths: { [settingsPath]: { get, post } }, components: { schemas: { scimSettingsSchema, setScimSettingsSchema } } } = await generateOpenApi(t, { settingsRoutes: true })
  const responses: any[] = [...Object.values(get.responses), ...Object.values(post.responses)]
  const schemas = [scimSettingsSchema, setScimSettingsSchema]
  const fields: any[] = [...responses.map((response) => response.content?.['application/json'].schema), ...schemas]
    .flatMap((schema) => Object.values(schema?.properties ?? {}))

  t.strictSame([get, post, ...responses, ...schemas, ...fields].filter(lacksDescription), [])
  t.strictSame([get, post].filter(({ summary }) => !summary), [])
  t.strictSame(fields.filter(({ example }) => example === undefined || example === ''), [])
})

t.test('the error responses of setScimSettings -> each has an example of its name', async (t) => {
  const { paths: { [settingsPath]: { post } } } = await generateOpenApi(t, { settingsRoutes: true })
  t.strictSame(['400', '401', '403', '415'].map((status) => post.responses[status].content['application/json'].schema.properties.name.example),
    ['ValidationError', 'AuthenticationRequired', 'NoAccessError', 'ContentTypeError'])
})
