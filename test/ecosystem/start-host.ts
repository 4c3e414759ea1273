import type { OutgoingHttpHeaders } from 'node:http'
import Fastify, { type FastifyInstance, type FastifySchema, type onRequestHookHandler } from 'fastify'
import type { Test } from 'tap'
import scimToken, { type ScimAuthResolver, type ScimRequestContext, type ScimSettingsStore, type ScimTokenOptions } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, users, viewer } from '../helpers/host.ts'
import { captureLog, type Log } from '../helpers/log.ts'
import { scimPath } from '../helpers/scim-host.ts'
import { startClient, type Client, type ClientRequest } from './client.ts'

/** One host of the table. */
export interface Host {
  /** What the host has, and when it registers it. */
  has: string
  /** What the user gets. */
  gets: string
  /** Creates the app if it needs more than a logger. */
  create?: (options: Pick<ReturnType<typeof captureLog>, 'logger'>) => FastifyInstance
  /** Registered before the plugin. */
  before?: (app: FastifyInstance) => unknown
  /** Registered after the plugin, before the host's routes. */
  after?: (app: FastifyInstance) => unknown
  resolver?: ScimAuthResolver
  /** Creates a store without SCIM settings. */
  store?: (app: FastifyInstance) => ScimSettingsStore<object>
  options?: ScimTokenOptions
  /** Creates the hook of the SCIM routes. */
  guard?: (app: FastifyInstance) => onRequestHookHandler
  /** Schema of the SCIM route. */
  scimSchema?: FastifySchema
  /** Routes besides those that every host has, with the requests that must not notice the plugin. */
  routes?: (app: FastifyInstance) => void
  requests?: ClientRequest[]
  /** Returns the credentials of the two users. */
  logIn?: (client: Client, app: FastifyInstance) => Promise<Credentials>
  /** Returns headers that a client of this host sends with all requests. */
  headers?: (client: Client) => Promise<OutgoingHttpHeaders> | OutgoingHttpHeaders
  /** The path that a proxy in front of the host sees before its paths. */
  base?: string
  /** The origin of the admin UI's page if it is not the address of the host. */
  pageOrigin?: string
  /** Headers that the host's plugin adds to the responses of the admin routes. */
  adds?: string[]
  /** Headers that it only adds to those of other routes. */
  lacks?: string[]
  /** Returns the body without what a payload hook of the host adds to it, and throws if that is missing. */
  unwrap?: (body: string) => string
  /** The same for SCIM responses. */
  unwrapScim?: (body: string) => string
  /** Further checks after the probe. */
  check?: (t: Test, running: RunningHost) => Promise<void>
  /** Replaces the probe: what the plugin of the host makes impossible. */
  limit?: (t: Test, start: () => Promise<RunningHost>) => Promise<void>
}

export interface Credentials {
  admin: OutgoingHttpHeaders
  viewer: OutgoingHttpHeaders
}

export interface RunningHost extends Client {
  app: FastifyInstance
  log: Log
  credentials: Credentials
}

export const settingsPath = '/api/admin/scim-settings'

/** Boots a host and listens. Without the plugin it has no SCIM routes either. */
export async function startHost (t: Test, host: Host, { plugin = true } = {}): Promise<RunningHost> {
  const { log, logger } = captureLog(t)
  const app = host.create?.({ logger }) ?? Fastify({ logger })
  t.teardown(() => app.close())

  await host.before?.(app)
  if (plugin) {
    app.decorate('scimAuthResolver', host.resolver ?? users)
    app.decorate('scimTokenStore', failOnDemand(host.store?.(app) ?? memoryStore({ configured: false })))
    await app.register(scimToken, { settingsRoutes: true, ...host.options })
  }
  await host.after?.(app)
  if (plugin) {
    app.route({
      method: ['GET', 'POST'],
      url: scimPath,
      onRequest: [host.guard?.(app) ?? app.verifyScimToken],
      schema: host.scimSchema ?? {},
      handler: async () => ({ Resources: [] })
    })
  }
  addRoutes(app)
  host.routes?.(app)

  const client = await startClient(t, app)
  const headers = await host.headers?.(client) ?? {}
  const send: Client['send'] = (request) =>
    client.send({ ...request, path: `${host.base ?? ''}${request.path}`, headers: { ...headers, ...request.headers } })
  const credentials = await host.logIn?.({ ...client, send }, app) ?? { admin, viewer }
  return { app, log, credentials, origin: host.pageOrigin ?? client.origin, send }
}

/** Returns a store that fails for requests with the header `x-store: down`, and never settles for `x-store: hangs`. */
function failOnDemand (store: ScimSettingsStore<object>): ScimSettingsStore<object> {
  return {
    ...store,
    async replace (record, context) {
      await fail(context)
      return await store.replace(record, context)
    },
    async find (context) {
      await fail(context)
      return await store.find(context)
    }
  }
}

async function fail ({ request: { headers } }: ScimRequestContext): Promise<void> {
  if (headers['x-store'] === 'down') throw new Error('the database is down')
  if (headers['x-store'] === 'hangs') await new Promise(() => {})
}

/** The routes of every host. */
function addRoutes (app: FastifyInstance): void {
  app.post('/echo', async ({ body }) => ({ body: body ?? null }))
  app.post('/api/admin/own', async ({ body }) => ({ body: body ?? null }))
  app.get('/text', async () => 'text')
  app.get('/long', async () => ({ long: 'long '.repeat(1000) }))
  app.get('/throws', async () => { throw new Error('of the host') })
  app.get('/throws-403', async () => { throw Object.assign(new Error('of the host'), { statusCode: 403 }) })
}

const post = (path: string, type: string, body: string): ClientRequest => ({ method: 'POST', path, headers: { 'content-type': type }, body })

/** Requests to these routes, and to none. */
export const hostRequests: ClientRequest[] = [
  post('/echo', 'application/json', '{"n":1}'),
  post('/echo', 'application/json', '{"n":'),
  post('/echo', 'application/json', ''),
  post('/echo', 'application/json', JSON.stringify({ long: 'x'.repeat(5000) })),
  post('/echo', 'text/plain', 'hello'),
  post('/echo', 'application/x-www-form-urlencoded', 'a=b'),
  post('/echo', 'multipart/form-data; boundary=-', '---\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n-----\r\n'),
  post('/echo', 'application/xml', '<a/>'),
  post('/api/admin/own', 'application/json', '{}'),
  { method: 'POST', path: '/echo', headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } },
  { method: 'OPTIONS', path: '/echo', headers: { origin: 'https://admin.example.com', 'access-control-request-method': 'POST' } },
  { path: '/text', headers: { 'if-none-match': '*' } },
  { path: '/text/' },
  { path: '/long', headers: { 'accept-encoding': 'gzip' } },
  { path: '/throws' },
  { path: '/throws-403' },
  { path: '/missing' },
  { method: 'DELETE', path: '/api/admin/own' }
]
