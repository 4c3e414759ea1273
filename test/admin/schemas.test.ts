import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { generatePath } from '../helpers/host.ts'
import { errorResponse, generateOpenApi, lacksDescription, withoutProse } from '../helpers/openapi.ts'

t.test('the OpenAPI operation generateNewToken -> equals that of Unleash except for the prose', async (t) => {
  const document = await generateOpenApi(t)
  t.strictSame(withoutProse(document.paths), {
    [generatePath]: {
      post: {
        operationId: 'generateNewToken',
        tags: ['Auth'],
        'x-stability-level': 'stable',
        responses: {
          200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/scimTokenSchema' } } } },
          401: errorResponse,
          403: errorResponse,
          404: errorResponse
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

t.test('the OpenAPI operation generateNewToken -> inherits the security of the document', async (t) => {
  const document = await generateOpenApi(t)
  t.notOk('security' in document.paths[generatePath].post)
  t.strictSame(document.security, [{ apiKey: [] }, { bearerToken: [] }])
})

t.test('the OpenAPI operation generateNewToken -> has descriptions and examples throughout', async (t) => {
  const { paths: { [generatePath]: { post } }, components: { schemas: { scimTokenSchema } } } = await generateOpenApi(t)
  const fields = ['401', '403', '404'].flatMap((status) => Object.values(post.responses[status].content['application/json'].schema.properties))
  const described = [post, scimTokenSchema, ...Object.values(post.responses), ...fields, scimTokenSchema.properties.token]

  t.strictSame(described.filter(lacksDescription), [])
  t.ok(post.summary)
  t.strictSame([...fields, scimTokenSchema.properties.token].filter(({ example }) => !example), [])
  t.strictSame(['401', '403', '404'].map((status) => post.responses[status].content['application/json'].schema.properties.name.example),
    ['AuthenticationRequired', 'NoAccessError', 'NotFoundError'])
})

for (const [what, options] of [['default options', {}], ['the settings routes and a prefix', { settingsRoutes: true, prefix: '/unleash' }]] as const) {
  t.test(`the OpenAPI document with ${what} -> valid OpenAPI 3`, async (t) => {
    const { valid, errors } = await new Validator().validate(await generateOpenApi(t, options))
    t.ok(valid, JSON.stringify(errors))
  })
}
