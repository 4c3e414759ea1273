import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import scimToken, { type ScimAuthResolver, type ScimTokenOptions, type ScimTokenRecord, type ScimTokenStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { captureLog, type Log } from './log.ts'

export const path = '/api/admin/scim-settings/generate-new-token'
export const admin = { authorization: 'admin' }
export const viewer = { authorization: 'viewer' }

/** Knows two users by their header: `admin`, who holds ADMIN, and `viewer`, who holds nothing. */
export const users: ScimAuthResolver<{ name: string }> = {
  authenticate: ({ headers: { authorization } }) =>
    authorization === 'admin' || authorization === 'viewer' ? { name: authorization } : null,
  authorize: (user, permissions) => user.name === 'admin' && permissions.includes('ADMIN')
}

export interface TestHost {
  app: FastifyInstance
  log: Log
  /** Every record that the store was asked to make the only one. */
  replaced: ScimTokenRecord[]
}

export interface HostSetup {
  resolver?: ScimAuthResolver
  store?: ScimTokenStore
  options?: ScimTokenOptions
  /** Runs before the plugin is registered. */
  prepare?: (app: FastifyInstance) => unknown
  server?: FastifyServerOptions
}

/** Boots a host with the plugin, and checks at its end that its log holds no token and no hash. */
export async function startHost (t: Test, setup: HostSetup = {}): Promise<TestHost> {
  const { resolver = users, store = memoryStore(), options = {}, prepare, server } = setup
  const { log, logger } = captureLog(t)
  const app = Fastify({ ...server, logger })
  t.teardown(() => app.close())

  const replaced: ScimTokenRecord[] = []
  await prepare?.(app)
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', {
    ...store,
    replace (record, context) {
      replaced.push(record)
      return store.replace(record, context)
    }
  })
  app.register(scimToken, options)
  await app.ready()
  return { app, log, replaced }
}

/** Generates a token as an admin, or as whom the headers say, without a socket. */
export async function generate (app: FastifyInstance, headers: Record<string, string> = admin) {
  return await app.inject({ method: 'POST', url: path, headers })
}

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
