import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { cores } from './cores.ts'

/** Describes what the figures of a run depend on. */
export function describeMachine (): Record<string, string> {
  return {
    processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    'operating system': `${type()} ${release()}`,
    'Node.js': process.version,
    Fastify: versionOf('../node_modules/fastify'),
    Express: versionOf('peers/node_modules/express'),
    '@fastify/bearer-auth': versionOf('peers/node_modules/@fastify/bearer-auth'),
    '@better-auth/scim': versionOf('peers/node_modules/@better-auth/scim'),
    cores
  }
}

function versionOf (folder: string): string {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8')).version
}
