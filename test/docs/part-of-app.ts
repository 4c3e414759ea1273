import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { Project } from './project.ts'

/** A request that an admin of the app of {@link startPart} sends. */
export const generate = {
  method: 'POST',
  url: '/api/admin/scim-settings/generate-new-token',
  headers: { authorization: 'change-me' }
} as const

/** Runs a part of an app as a module, in an app that has what the part does not show. */
export async function startPart (t: Test, project: Project, part: string): Promise<FastifyInstance> {
  const folder = await project.write(partOfApp(part))
  const { app } = await import(pathToFileURL(join(folder, 'part.mjs')).href)
  t.teardown(() => app.close())
  return app
}

/** Returns the module `part.mjs`: a part of an app, and what the part does not show. */
export function partOfApp (part: string): Record<string, string> {
  const resolver = /decorate\('scimAuthResolver'/.test(part)
    ? ''
    : `app.decorate('scimAuthResolver', {
        authenticate: (request) => request.headers.authorization === 'change-me' ? { name: 'admin' } : null,
        authorize: () => true
      })`
  const store = /decorate\('scimTokenStore'/.test(part) ? '' : "app.decorate('scimTokenStore', memoryStore())"
  const registration = /register\(scimToken/.test(part) ? '' : 'await app.register(scimToken)'
  const route = /\/scim'|\/scim\/Users/.test(part) ? '' : "app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))"
  return {
    'part.mjs': `
      import Fastify from 'fastify'
      import scimToken, { sendScimError, verifyScimToken } from 'fastify-scim-token'
      import { memoryStore } from 'fastify-scim-token/stores/memory'

      export const app = Fastify()
      ${[resolver, store, part, registration, route].join('\n')}`
  }
}
