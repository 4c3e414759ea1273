import Fastify from 'fastify'
import scimToken from 'fastify-scim-token'
import { createHost, noUsers, scimPath, serverOf } from './work.js'

/** The plugin and one SCIM route behind its hook. */
export async function start ({ promises, timeout }) {
  const { token, resolver, store } = await createHost({ promises })
  const app = Fastify()
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', store)
  await app.register(scimToken, { timeout })
  app.get(scimPath, { onRequest: app.verifyScimToken }, async () => noUsers)
  return { server: await serverOf(app), token }
}
