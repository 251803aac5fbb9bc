//! Answers remembered by `Idempotency-Key`, so that who lost an answer may ask again.
//!
//! Only what was done is remembered: a refusal changed nothing and may be tried anew. In memory
//! only, because whoever retries does so within minutes; after a restart of the appliance a
//! repeated change meets its own result (a name taken, a farm already launched).

use crate::api::answer::Answer;
use crate::base::hash::sha256;
use crate::base::limit::{API_ANSWERS_KEPT_MAX, API_ANSWERS_PER_USER_MAX, API_KEY_BYTES_MAX};
use crate::base::{Code, Problem, Result, UserId};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was answered to whom, oldest first.
pub struct Answers(Mutex<VecDeque<Kept>>);

struct Kept {
    user: UserId,
    key: String,
    request: [u8; 32],
    answer: Option<Answer>,
}

/// What a key means for a request.
pub enum Turn<'a> {
    /// Do it, and then tell what came of it.
    Go(Going<'a>),
    /// It was done before; this was the answer.
    Again(Answer),
}

/// A keyed request under way. Dropped without an answer, it is forgotten.
pub struct Going<'a> {
    answers: &'a Answers,
    user: UserId,
    key: String,
}

impl Answers {
    /// Nothing answered yet.
    pub fn new() -> Answers {
        Answers(Mutex::new(VecDeque::new()))
    }

    /// Takes a key for a request, which is told from others by method, path and body.
    pub fn begin(&self, user: UserId, key: &str, parts: [&[u8]; 3]) -> Result<Turn<'_>> {
        if key.is_empty() || key.len() > API_KEY_BYTES_MAX {
            let range = format!("must have 1 to {API_KEY_BYTES_MAX} characters");
            return Err(Problem::invalid("Idempotency-Key", range));
        }
        let request = sha256(&parts.join(&b'\n'));
        let mut kept = self.kept();
        if let Some(known) = kept.iter().find(|k| k.user == user && k.key == key) {
            return match &known.answer {
                _ if known.request != request => {
                    let message = "was used for another request; use a new one";
                    Err(Problem::invalid("Idempotency-Key", message))
                }
                Some(answer) => Ok(Turn::Again(answer.clone())),
                None => Err(Problem::new(
                    Code::ObjectInUse,
                    "a request with this Idempotency-Key is still being carried out",
                )),
            };
        }
        if kept.iter().filter(|k| k.user == user).count() >= API_ANSWERS_PER_USER_MAX {
            let oldest = kept.iter().position(|k| k.user == user && k.answer.is_some());
            oldest.and_then(|at| kept.remove(at));
        }
        if kept.len() >= API_ANSWERS_KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Kept { user, key: key.to_owned(), request, answer: None });
        Ok(Turn::Go(Going { answers: self, user, key: key.to_owned() }))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Going<'_> {
    /// It was done; remembers the answer.
    pub fn done(self, answer: &Answer) {
        let mut kept = self.answers.kept();
        let mine = kept.iter_mut().find(|k| k.user == self.user && k.key == self.key);
        if let Some(mine) = mine {
            mine.answer = Some(answer.clone());
        }
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        let mut kept = self.answers.kept();
        kept.retain(|k| k.user != self.user || k.key != self.key || k.answer.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [&[u8]; 3] = [b"POST", b"/a/", b"{}"];
    const B: [&[u8]; 3] = [b"POST", b"/b/", b"{}"];

    fn answer() -> Answer {
        Answer { status: 201, revision: None, body: b"made".to_vec() }
    }

    fn go(answers: &Answers, user: u64, key: &str, done: bool) {
        match answers.begin(UserId(user), key, A).unwrap() {
            Turn::Go(going) if done => going.done(&answer()),
            Turn::Go(_) => {}
            Turn::Again(_) => panic!("{key} was taken"),
        }
    }

    #[test]
    fn what_was_done_is_answered_again_to_the_same_user_only() {
        let answers = Answers::new();
        go(&answers, 1, "k", true);
        assert!(matches!(answers.begin(UserId(1), "k", A), Ok(Turn::Again(a)) if a.status == 201));
        assert!(matches!(answers.begin(UserId(2), "k", A), Ok(Turn::Go(_))));
        assert!(matches!(answers.begin(UserId(1), "k", B), Err(p) if p.code == Code::InvalidValue));
    }

    #[test]
    fn what_failed_is_forgotten_and_what_runs_is_not_run_twice() {
        let answers = Answers::new();
        go(&answers, 1, "k", false);
        let Ok(Turn::Go(_running)) = answers.begin(UserId(1), "k", A) else {
            panic!("a failed request's key was not free");
        };
        assert!(matches!(answers.begin(UserId(1), "k", A), Err(p) if p.code == Code::ObjectInUse));
    }

    #[test]
    fn memory_is_bounded_for_each_user_and_for_all() {
        let answers = Answers::new();
        for user in 0..100 {
            for key in 0..API_ANSWERS_PER_USER_MAX + 5 {
                go(&answers, user, &key.to_string(), true);
            }
        }
        let kept = answers.kept();
        assert_eq!(kept.len(), API_ANSWERS_KEPT_MAX);
        let of_last = kept.iter().filter(|k| k.user == UserId(99)).count();
        assert_eq!(of_last, API_ANSWERS_PER_USER_MAX);
    }
}
