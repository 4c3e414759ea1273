import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { ScimError, sendScimError, verifyScimToken } from 'fastify-scim-token'
import { parseScimJson, scimJson } from './body.ts'
import { discovery } from './discovery.ts'
import { notFound } from './errors.ts'
import { isStorable } from './json.ts'
import { listResources, type ListQuery } from './list.ts'
import { describe, describeWithBody, listQuery, resourceQuery } from './openapi.ts'
import { applyOperations, readOperations, readResource } from './patch.ts'
import { createSelection, toResource, type AttributeLists } from './render.ts'
import { groupType, userType, type ResourceType } from './schemas.ts'
import type { ResourceWriter, ScimAttributes, ScimStorage, StoredResource } from './storage.ts'

/** Options of {@link scim}, besides Fastify's `prefix`. */
export interface ScimOptions {
  storage: ScimStorage
}

interface Collection { Querystring: ListQuery }
interface Created { Querystring: AttributeLists }
interface Member extends Created { Params: { id: string } }

/**
 * Adds the SCIM routes, which require the SCIM token, over any storage. The server needs the options of `scimServerOptions`.
 *
 * ```ts
 * await app.register(scim, { prefix: '/scim', storage })
 * ```
 */
export async function scim (app: FastifyInstance, { storage }: ScimOptions): Promise<void> {
  app.addHook('onRequest', verifyScimToken)
  app.addHook('onRequest', async (_request, reply) => { reply.type(scimJson) })
  app.setErrorHandler(sendScimError)
  parseScimJson(app)

  await app.register(discovery, { base: app.prefix })
  addRoutes(app, storage, 'users', userType)
  addRoutes(app, storage, 'groups', groupType)

  // RFC 7644, table 8. A SCIM token does not belong to a user, so /Me is not supported.
  for (const path of ['/Me', '/Me/*', '/Bulk', '/.search', '/Users/.search', '/Groups/.search']) {
    app.all(path, { schema: { hide: true } }, () => { throw new ScimError({ statusCode: 501, message: 'This server does not support this endpoint.' }) })
  }
  // A route, as a wildcard route of the host would come before a handler of this scope for unknown paths.
  for (const path of ['/', '/*']) {
    app.all(path, { schema: { hide: true } }, () => { throw notFound('There is no such SCIM endpoint.') })
  }
}

function addRoutes (app: FastifyInstance, storage: ScimStorage, resources: 'users' | 'groups', type: ResourceType): void {
  const { name, endpoint: collection } = type
  const member = `${collection}/:id`
  const base = app.prefix

  app.get<Collection>(collection, { schema: { ...describe(`List ${name}s`), querystring: listQuery } }, ({ query }) => {
    return listResources(type, base, storage[resources], query)
  })

  app.post<Created>(collection, { schema: { ...describeWithBody(`Create a ${name}`), querystring: resourceQuery } }, async ({ query, body }, reply) => {
    const select = createSelection(type, query)
    const attributes = readResource(type, body)
    const created = toResource(type, base, await transaction((writer) => writer.create(attributes)))
    return sendResource(reply.code(201), created, select(created))
  })

  app.get<Member>(member, { schema: { ...describe(`Get a ${name}`), querystring: resourceQuery } }, async ({ params, query }) => {
    const select = createSelection(type, query)
    return select(toResource(type, base, await findIn(storage[resources], params.id)))
  })

  app.put<Member>(member, { schema: { ...describeWithBody(`Replace a ${name}`), querystring: resourceQuery } }, async ({ params, query, body }) => {
    const select = createSelection(type, query)
    const attributes = readResource(type, body)
    return select(toResource(type, base, await transaction(async (writer) => await writer.update(await findIn(writer, params.id), attributes))))
  })

  app.patch<Member>(member, { schema: { ...describeWithBody(`Change a ${name}`), querystring: resourceQuery } }, async ({ params, query, body }, reply) => {
    const select = createSelection(type, query)
    const operations = readOperations(body)
    const { resource, isChanged } = await transaction(async (writer) => {
      const current = await findIn(writer, params.id)
      const attributes = applyOperations(type, current.attributes, operations)
      if (isDeepStrictEqual(attributes, current.attributes)) return { resource: current, isChanged: false }
      return { resource: await writer.update(current, attributes), isChanged: true }
    })
    // RFC 7644, section 3.5.2: 200 if attributes are requested.
    const isRequested = query.attributes !== undefined || query.excludedAttributes !== undefined
    return isChanged || isRequested ? select(toResource(type, base, resource)) : reply.code(204).send()
  })

  app.delete<Member>(member, { schema: describe(`Delete a ${name}`) }, async ({ params }, reply) => {
    await transaction(async (writer) => { await writer.remove(await findIn(writer, params.id)) })
    return reply.code(204).send()
  })

  // The attributes that `readResource` and `applyOperations` return are those of the type.
  type Writer = ResourceWriter<ScimAttributes>

  function transaction<T> (work: (writer: Writer) => Promise<T>): Promise<T> {
    return storage.transaction((writers) => work(writers[resources] as Writer))
  }
}

async function findIn (resources: { find (id: string): Promise<StoredResource<ScimAttributes> | null> }, id: string): Promise<StoredResource<ScimAttributes>> {
  const found = isStorable(id) ? await resources.find(id) : null
  if (found === null) throw notFound('There is no resource with this id.')
  return found
}

function sendResource (reply: FastifyReply, { meta }: { meta?: unknown }, selected: object): object {
  reply.header('location', (meta as { location: string }).location)
  return selected
}
