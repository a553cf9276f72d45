"""Sign in to the staff pages."""

from dataclasses import dataclass

from pydantic import Field

from portal.forms import Form, Mistake
from portal.languages import msg


class SignInForm(Form):
    """A sign-in name and a password; both are checked together and refused together."""

    login: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1000)

    sentences = {
        "login": {"missing": msg("Enter your sign-in name")},
        "password": {"missing": msg("Enter your password")},
    }


@dataclass(frozen=True)
class SignInPage:
    """`staff/sign_in.html`; `onward` is the page to go to after, and only ever one of ours."""

    login: str = ""
    onward: str = ""
    signed_out: bool = False
    mistakes: tuple[Mistake, ...] = ()
