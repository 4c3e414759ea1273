import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ScimError } from 'fastify-scim-token'
import { notFound } from './errors.ts'
import { maxPageSize } from './limits.ts'
import { createListResponse } from './list.ts'
import { describe } from './openapi.ts'
import { resourceTypes } from './schemas.ts'

const core = 'urn:ietf:params:scim:schemas:core:2.0'

/** Adds the endpoints that describe this server (RFC 7644, section 4). They ignore the parameters of a list. */
export async function discovery (app: FastifyInstance, { base }: { base: string }): Promise<void> {
  app.addHook('preHandler', rejectFilter)
  const meta = (resourceType: string, path: string) => ({ resourceType, location: `${base}${path}` })

  app.get('/ServiceProviderConfig', { schema: describe('Get what this server supports') }, () => ({
    schemas: [`${core}:ServiceProviderConfig`],
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: maxPageSize },
    changePassword: { supported: false },
    sort: { supported: true },
    etag: { supported: false },
    authenticationSchemes: [{
      type: 'oauthbearertoken',
      name: 'OAuth Bearer Token',
      description: 'The SCIM token that an admin of this server has generated.',
      specUri: 'https://www.rfc-editor.org/info/rfc6750'
    }],
    meta: meta('ServiceProviderConfig', '/ServiceProviderConfig')
  }))

  addDescriptions('/ResourceTypes', 'ResourceType', resourceTypes.map(({ name, endpoint, schema, extensions }) => ({
    schemas: [`${core}:ResourceType`],
    id: name,
    name,
    endpoint,
    description: schema.description,
    schema: schema.id,
    ...(extensions.length > 0 && { schemaExtensions: extensions.map(({ id }) => ({ schema: id, required: false })) }),
    meta: meta('ResourceType', `/ResourceTypes/${name}`)
  })))

  addDescriptions('/Schemas', 'Schema', resourceTypes.flatMap(({ schema, extensions }) => [schema, ...extensions]).map((schema) => ({
    schemas: [`${core}:Schema`],
    ...schema,
    meta: meta('Schema', `/Schemas/${schema.id}`)
  })))

  function addDescriptions (path: string, name: string, descriptions: { id: string }[]): void {
    app.get(path, { schema: describe(`List each ${name}`) }, () => createListResponse(descriptions))
    app.get<{ Params: { id: string } }>(`${path}/:id`, { schema: describe(`Get a ${name}`) }, ({ params }) => {
      const description = descriptions.find(({ id }) => id === params.id)
      if (description === undefined) throw notFound(`There is no ${name} with this id.`)
      return description
    })
  }
}

/** RFC 7644, section 4: with a filter, 403. */
async function rejectFilter ({ query }: FastifyRequest): Promise<void> {
  if ((query as { filter?: unknown }).filter !== undefined) throw new ScimError({ statusCode: 403, message: 'This endpoint does not support filters.' })
}
