import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import scimToken, { type ScimSettingsStore, type ScimTokenOptions, type ScimTokenStore } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, path, users } from './host.ts'
import { captureLog, type Log } from './log.ts'
import { toAnswer, type Answer } from './scim-answers.ts'

export interface ScimHost {
  app: FastifyInstance
  log: Log
  store: ScimSettingsStore<object>
  /** How often the store was asked for its record. */
  finds: () => number
  /** Generates a token, which ends the one before. */
  generate: () => Promise<string>
  /** Sends a SCIM request with this `Authorization` header, without a socket. */
  send: (authorization?: string, url?: string) => Promise<Answer>
}

export interface ScimHostSetup {
  /** Instead of the memory store's own. */
  find?: ScimTokenStore['find']
  options?: ScimTokenOptions
  server?: FastifyHttpOptions<Server>
  /** The host's own part, registered after the plugin. */
  routes?: (app: FastifyInstance) => void | Promise<void>
}

/** A host's SCIM scope: all its routes are behind the hook. */
export async function guardedScope (app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', app.verifyScimToken)
  app.route({ method: ['GET', 'POST'], url: '/scim/Users', handler: async () => 'users' })
}

/** Boots a host with a SCIM route that the hook guards. */
export async function scimHost (t: Test, setup: ScimHostSetup = {}): Promise<ScimHost> {
  const { options = {}, server, routes = guardedScope } = setup
  const store = memoryStore()
  const { find = store.find } = setup
  const { log, logger } = captureLog(t)
  const app = Fastify({ ...server, logger })
  t.teardown(() => app.close())

  let finds = 0
  app.decorate('scimAuthResolver', users)
  app.decorate('scimTokenStore', {
    ...store,
    find (context) {
      finds++
      return find(context)
    }
  })
  app.register(scimToken, options)
  app.register(async (scope) => { await routes(scope) })
  await app.ready()

  return {
    app,
    log,
    store,
    finds: () => finds,
    async generate () {
      const answer = await app.inject({ method: 'POST', url: path, headers: admin })
      return answer.json().token
    },
    async send (authorization, url = '/scim/Users') {
      const { statusCode, headers, body } = await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })
      return toAnswer(statusCode, (name) => headers[name], body)
    }
  }
}
