import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import scimToken, { type ScimAuthResolver, type ScimTokenOptions, type ScimTokenRecord, type ScimTokenStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { captureLog, type Log } from './log.ts'
import { exchange, parseResponse, type HttpResponse } from './raw-http.ts'

export const generatePath = '/api/admin/scim-settings/generate-new-token'
export const admin = { authorization: 'admin' }
export const viewer = { authorization: 'viewer' }

/** Authenticates two users by their `Authorization` header: `admin` has the permission ADMIN, `viewer` has none. */
export const users: ScimAuthResolver<{ name: string }> = {
  authenticate: ({ headers: { authorization } }) =>
    authorization === 'admin' || authorization === 'viewer' ? { name: authorization } : null,
  authorize: (user, permissions) => user.name === 'admin' && permissions.includes('ADMIN')
}

export interface PluginSetup {
  /** Default: {@link users}. */
  resolver?: ScimAuthResolver
  /** Default: a new memory store. */
  store?: ScimTokenStore
  options?: ScimTokenOptions
}

/** Decorates an app with a resolver and a store, and registers the plugin. */
export function registerScimToken (app: FastifyInstance, { resolver = users, store = memoryStore(), options = {} }: PluginSetup = {}): void {
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', store)
  app.register(scimToken, options)
}

export interface HostSetup extends PluginSetup {
  /** Runs before the plugin is registered. */
  prepare?: (app: FastifyInstance) => unknown
  /** Registered in a scope of its own after the plugin. */
  routes?: (app: FastifyInstance) => unknown
  server?: FastifyHttpOptions<Server>
}

export interface TestHost {
  app: FastifyInstance
  log: Log
  /** The records passed to the store's `replace`. */
  replaced: ScimTokenRecord[]
  /** How many times the store's `find` was called. */
  finds: () => number
}

/** Starts a host with the plugin. When the test ends, its log must hold no token and no hash. */
export async function startHost (t: Test, setup: HostSetup = {}): Promise<TestHost> {
  const { store = memoryStore(), prepare, routes, server, ...plugin } = setup
  const { log, logger } = captureLog(t)
  const app = Fastify({ ...server, logger })
  t.teardown(() => app.close())

  const replaced: ScimTokenRecord[] = []
  let finds = 0
  await prepare?.(app)
  registerScimToken(app, {
    ...plugin,
    store: {
      ...store,
      replace (record, context) {
        replaced.push(record)
        return store.replace(record, context)
      },
      find (context) {
        finds++
        return store.find(context)
      }
    }
  })
  if (routes) app.register(async (scope) => { await routes(scope) })
  await app.ready()
  return { app, log, replaced, finds: () => finds }
}

/** Generates a token as an admin, or with other headers, without a socket. */
export async function generate (app: FastifyInstance, headers: Record<string, string> = admin) {
  return await app.inject({ method: 'POST', url: generatePath, headers })
}

/** Sends a POST that generates a token on a connection of its own. */
export async function generateOverSocket (url: string, headers: Record<string, string | string[]>, body = ''): Promise<HttpResponse> {
  return parseResponse(await exchange(url, generateRequestHead(headers) + body))
}

/** Returns the head of a POST that generates a token, with these headers and those that HTTP/1.1 needs. */
export function generateRequestHead (headers: Record<string, string | string[]>): string {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers })
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`))
  return [`POST ${generatePath} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}
