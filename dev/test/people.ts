// People for the end-to-end tests: each signs up and in through Auth, and is a member of a project
// or of none. They are told by their tokens.

import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import type pg from "pg";
import type { Stack } from "../stack.ts";

export type Role = "viewer" | "editor" | "admin";

export type People = {
  /** Somebody new, as a member of the project if one is given; answers with their token. */
  signUp: (project?: string, role?: Role) => Promise<string>;
  signIn: (email: string, password: string) => Promise<string>;
};

export function peopleOf(stack: Stack, db: pg.Client): People {
  let signedUp = 0;
  const auth = () =>
    createClient(stack.apiUrl, stack.keys.publishable, {
      auth: { persistSession: false, autoRefreshToken: false },
    }).auth;

  const signIn = async (email: string, password: string): Promise<string> => {
    const { data, error } = await auth().signInWithPassword({ email, password });
    assert.equal(error, null);
    return data.session?.access_token ?? "";
  };

  const signUp = async (project?: string, role?: Role): Promise<string> => {
    signedUp += 1;
    const user = { email: `user-${signedUp}@example.com`, password: "a-good-password" };
    const { data, error } = await auth().signUp(user);
    assert.equal(error, null);
    if (project !== undefined) {
      await db.query(
        "insert into tocsin.project_members (project_id, user_id, role) values ($1, $2, $3)",
        [project, data.user?.id, role],
      );
    }
    return signIn(user.email, user.password);
  };

  return { signUp, signIn };
}
