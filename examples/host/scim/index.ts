import type { FastifyInstance } from 'fastify'
import SCIMMY from 'scimmy'
import type { Database } from '../database.ts'
import { parseScimJson, scimJson } from './body.ts'
import { sendScimError } from './errors.ts'
import { maxResults, resourceTypes } from './resources.ts'

type Query = NonNullable<ConstructorParameters<typeof SCIMMY.Types.Resource>[1]>
type PatchOp = Parameters<SCIMMY.Types.Resource['patch']>[0]

interface Collection { Querystring: Query }
interface Member extends Collection { Params: { id: string } }
interface PatchedMember extends Member { Body: PatchOp }

/** The SCIM routes. They let in who sends the SCIM token, and hand requests to SCIMMY. */
export async function scim (app: FastifyInstance, { db }: { db: Database }): Promise<void> {
  app.addHook('onRequest', app.verifyScimToken)
  app.addHook('onRequest', async (_request, reply) => { reply.type(scimJson) })
  app.setErrorHandler(sendScimError)
  app.setNotFoundHandler(() => { throw new SCIMMY.Types.Error(404, '', 'There is no such SCIM endpoint.') })
  parseScimJson(app)

  const { ServiceProviderConfig, Schema, ResourceType } = SCIMMY.Resources
  app.get<Collection>('/ServiceProviderConfig', { schema }, ({ query }) => named(ServiceProviderConfig, undefined, query).read())
  for (const Description of [Schema, ResourceType]) {
    app.get<Collection>(Description.endpoint, { schema }, ({ query }) => new Description(undefined, query).read())
    app.get<Member>(`${Description.endpoint}/:id`, { schema }, ({ params, query }) => new Description(params.id, query).read())
  }

  for (const Resource of resourceTypes) {
    const collection = Resource.endpoint
    const member = `${collection}/:id`

    app.get<Collection>(collection, { schema: listSchema }, ({ query }) => {
      const count = Math.min(query.count ?? maxResults, maxResults)
      return named(Resource, undefined, { ...query, count }).read({ db })
    })

    app.post<Collection>(collection, { schema }, async ({ query, body }, reply) => {
      const created = await named(Resource, undefined, query).write(body, { db })
      return reply.code(201).header('location', created.meta.location).send(created)
    })

    app.get<Member>(member, { schema }, ({ params, query }) => named(Resource, params.id, query).read({ db }))

    app.put<Member>(member, { schema }, ({ params, query, body }) => named(Resource, params.id, query).write(body, { db }))

    app.patch<PatchedMember>(member, { schema }, async ({ params, query, body }, reply) => {
      const patched = await db.transaction((db) => named(Resource, params.id, query).patch(body, { db, lock: true }))
      return patched ?? reply.code(204).send()
    })

    app.delete<Member>(member, { schema }, async ({ params }, reply) => {
      await new Resource(params.id).dispose({ db })
      return reply.code(204).send()
    })
  }
}

/** Makes the resource that a request names. SCIMMY has no error of its own for a filter that breaks off. */
function named<R> (Resource: new (id?: string, query?: Query) => R, id: string | undefined, query: Query): R {
  try {
    return new Resource(id, query)
  } catch (error) {
    if (error instanceof TypeError) throw new SCIMMY.Types.Error(400, 'invalidFilter', 'The filter, or a list of attributes, is not complete.')
    throw error
  }
}

/** SCIM describes itself, so it is not in the host's OpenAPI document. */
const schema = { hide: true }

/** SCIMMY takes numbers, and the query string has none. */
const listSchema = {
  ...schema,
  querystring: {
    type: 'object',
    properties: { startIndex: { type: 'integer' }, count: { type: 'integer' } }
  }
}
