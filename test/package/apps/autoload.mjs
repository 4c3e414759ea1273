import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify from 'fastify'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { generate, resolver } from './host.mjs'

const app = Fastify()
app.decorate('scimAuthResolver', resolver)
app.decorate('scimTokenStore', memoryStore())
app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
await generate(app)
