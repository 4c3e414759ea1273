import Fastify from 'fastify'
import scimToken, { ScimError, sendScimError, verifyScimToken } from 'fastify-scim-token'
import { fencedWrite } from 'fastify-scim-token/fenced-write'
import { storeConformance } from 'fastify-scim-token/store-conformance'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import { generate, resolver } from './host.mjs'

for (const exported of [ScimError, sendScimError, verifyScimToken, fencedWrite, storeConformance, postgresMigration, postgresStore]) {
  if (typeof exported !== 'function') throw new Error('an export is missing')
}

const app = Fastify()
app.decorate('scimAuthResolver', resolver)
app.decorate('scimTokenStore', memoryStore())
app.register(scimToken)
await generate(app)
