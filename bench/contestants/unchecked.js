import Fastify from 'fastify'
import { noUsers, scimPath, serverOf } from './work.js'

/** The SCIM route with no check at all. */
export async function start () {
  const app = Fastify()
  app.get(scimPath, async () => noUsers)
  return { server: await serverOf(app), token: '' }
}
