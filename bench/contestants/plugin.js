import Fastify from 'fastify'
import scimToken from 'fastify-scim-token'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { generateToken, hashToken } from '../../dist/token.js'
import { listen, noUsers, resolver, scimPath } from './work.js'

/** The plugin, its memory store and one SCIM route behind its hook. */
export async function start ({ timeout }) {
  const token = generateToken()
  const store = memoryStore()
  store.replace({ hash: hashToken(token), createdAt: new Date() })

  const app = Fastify()
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', store)
  await app.register(scimToken, { timeout })
  app.get(scimPath, { onRequest: app.verifyScimToken }, async () => noUsers)

  return { port: await listen(app), token }
}
