import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { ScimSettingsStore, ScimTokenStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { generate, startHost, type HostSetup, type TestHost } from './host.ts'
import { toScimResponse, type ScimResponse } from './scim-responses.ts'

export const scimPath = '/scim/Users'

/** Adds SCIM routes that `verifyScimToken` guards. */
export async function addScimRoutes (app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', app.verifyScimToken)
  app.route({ method: ['GET', 'POST'], url: scimPath, handler: async () => 'users' })
}

export interface ScimHostSetup extends Omit<HostSetup, 'store'> {
  /** Replaces the method of the memory store. */
  find?: ScimTokenStore['find']
}

export interface ScimHost extends TestHost {
  store: ScimSettingsStore<object>
  /** Generates a token, which invalidates the previous one. */
  generate: () => Promise<string>
  /** Sends a SCIM request with this `Authorization` header, without a socket. */
  send: (authorization?: string, url?: string) => Promise<ScimResponse>
}

/** Starts a host over a memory store, with SCIM routes. */
export async function startScimHost (t: Test, setup: ScimHostSetup = {}): Promise<ScimHost> {
  const store = memoryStore()
  const { find = store.find, ...rest } = setup
  const host = await startHost(t, { routes: addScimRoutes, ...rest, store: { ...store, find } })
  const { app } = host

  return {
    ...host,
    store,
    generate: async () => (await generate(app)).json().token,
    async send (authorization, url = scimPath) {
      const { statusCode, headers, body } = await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })
      return toScimResponse(statusCode, (name) => headers[name], body)
    }
  }
}
