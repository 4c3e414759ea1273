import { readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'

const held = new Set<string>()

/**
 * Keeps a folder to this process with a file that names it, as PostgreSQL does. A file that was
 * left behind by a process that runs no more is taken over.
 *
 * @returns a function that gives the folder up
 * @throws Error that says which process has the folder
 */
export async function lockFolder (folder: string): Promise<() => Promise<void>> {
  const file = resolve(folder, 'host.pid')
  if (!await create(file)) {
    const owner = Number(await readFile(file, 'utf8'))
    if (held.has(file) || isOtherProcess(owner)) {
      throw new Error(`Process ${owner} uses the data in ${folder}: stop it, set DATA_DIR to another folder, or remove ${file} if that process is no host.`)
    }
    await rm(file, { force: true })
    if (!await create(file)) throw new Error(`Another process has just taken the data in ${folder}.`)
  }

  held.add(file)
  return async () => {
    held.delete(file)
    await rm(file, { force: true })
  }
}

async function create (file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Whether it runs. In a container, the process before this one may have had the same number. */
function isOtherProcess (pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
