import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import SCIMMY from 'scimmy'
import type { Database } from '../database.ts'
import { parseScimJson, scimJson } from './body.ts'
import { isJsonObject } from './compatibility/attributes.ts'
import { listResources, type ListQuery } from './compatibility/list.ts'
import { applyPatch } from './compatibility/patch.ts'
import { renderer } from './compatibility/render.ts'
import { toResource } from './compatibility/values.ts'
import { sendScimError } from './errors.ts'
import { describe, describeList, describeWithBody } from './openapi.ts'
import { provisionedTypes } from './resources.ts'

interface Collection { Querystring: ListQuery }
interface Member extends Collection { Params: { id: string } }

/**
 * Adds the SCIM routes, which require the SCIM token. SCIMMY has the schemas and validates resources
 * by them. The modules in `compatibility/` handle what identity providers send and SCIMMY does not:
 * their comments say what follows the RFCs and what deviates from them, with the source.
 */
export async function scim (app: FastifyInstance, { db }: { db: Database }): Promise<void> {
  app.addHook('onRequest', app.verifyScimToken)
  app.addHook('onRequest', async (_request, reply) => { reply.type(scimJson) })
  app.setErrorHandler(sendScimError)
  app.setNotFoundHandler(() => { throw new SCIMMY.Types.Error(404, '', 'There is no such SCIM endpoint.') })
  parseScimJson(app)

  const { ServiceProviderConfig, Schema, ResourceType } = SCIMMY.Resources
  const discovery = (summary: string) => ({ schema: describe(summary), preHandler: rejectFilter })
  app.get('/ServiceProviderConfig', discovery('Get what this server supports'), () => new ServiceProviderConfig().read())
  for (const Description of [Schema, ResourceType]) {
    const { endpoint, name } = Description
    app.get(endpoint, discovery(`List each ${name}`), () => new Description().read())
    app.get<Member>(`${endpoint}/:id`, discovery(`Get a ${name}`), ({ params }) => new Description(params.id).read())
  }

  for (const { Resource, table } of provisionedTypes) {
    const { schema: { definition }, endpoint: collection, name } = Resource
    const member = `${collection}/:id`
    const readBody = (body: unknown) => isJsonObject(body) ? toResource(definition, body) : body

    app.get<Collection>(collection, { schema: describeList(`List ${name}s`) }, ({ query }) => listResources(Resource, table, query, db))

    app.post<Collection>(collection, { schema: describeWithBody(`Create a ${name}`) }, async ({ query, body }, reply) => {
      const render = renderer(Resource, query)
      const created = await new Resource().write(readBody(body), { db })
      return reply.code(201).header('location', created.meta.location).send(render(created))
    })

    app.get<Member>(member, { schema: describe(`Get a ${name}`) }, async ({ params, query }) => {
      return renderer(Resource, query)(await table.find(db, params.id))
    })

    app.put<Member>(member, { schema: describeWithBody(`Replace a ${name}`) }, async ({ params, query, body }) => {
      const render = renderer(Resource, query)
      return render(await new Resource(params.id).write(readBody(body), { db }))
    })

    app.patch<Member>(member, { schema: describeWithBody(`Change a ${name}`) }, async ({ params, query, body }, reply) => {
      const render = renderer(Resource, query)
      const changed = await db.transaction(async (db) => {
        const { meta, ...current } = await table.find(db, params.id, { lock: true })
        const patched = applyPatch(definition, current, body)
        return isDeepStrictEqual(patched, current) ? null : await new Resource(params.id).write(patched, { db })
      })
      return changed === null ? reply.code(204).send() : render(changed)
    })

    app.delete<Member>(member, { schema: describe(`Delete a ${name}`) }, async ({ params }, reply) => {
      await db.transaction((db) => new Resource(params.id).dispose({ db }))
      return reply.code(204).send()
    })
  }
}

/** RFC 7644, section 4: the discovery endpoints reject a filter and ignore all other parameters of a list. */
async function rejectFilter ({ query }: FastifyRequest): Promise<void> {
  if ((query as ListQuery).filter !== undefined) throw new SCIMMY.Types.Error(403, '', 'This endpoint does not support filters.')
}
