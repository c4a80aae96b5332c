//! As much of an XML reader as the vectors need: elements and text, no attributes.

/// An element.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Element, String> {
        let mut rest = text.trim_start();
        if rest.starts_with("<?") {
            rest = rest
                .split_once("?>")
                .ok_or("the declaration has no end")?
                .1
                .trim_start();
        }
        let (element, rest) = element(rest)?;
        if rest.trim().is_empty() {
            Ok(element)
        } else {
            Err(format!("text after the document: {rest}"))
        }
    }

    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Elements of different names in alphabetic order; those of one name keep theirs.
    pub(crate) fn sorted(mut self) -> Element {
        self.children = self.children.into_iter().map(Element::sorted).collect();
        self.children
            .sort_by(|left, right| left.name.cmp(&right.name));
        self
    }
}

fn element(text: &str) -> Result<(Element, &str), String> {
    let inside = text
        .strip_prefix('<')
        .ok_or_else(|| format!("no element at {text}"))?;
    let (tag, mut rest) = inside.split_once('>').ok_or("a tag has no end")?;
    let name = tag
        .split([' ', '/', '\n'])
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut found = Element {
        name,
        text: String::new(),
        children: Vec::new(),
    };
    if tag.ends_with('/') {
        return Ok((found, rest));
    }
    loop {
        let start = rest.find('<').ok_or("an element has no end")?;
        found.text.push_str(&unescaped(&rest[..start])?);
        rest = &rest[start..];
        if let Some(end) = rest.strip_prefix("</") {
            let (name, rest) = end.split_once('>').ok_or("a tag has no end")?;
            if name != found.name {
                return Err(format!("{} ends as {name}", found.name));
            }
            if !found.children.is_empty() || found.text.trim().is_empty() {
                found.text.clear();
            }
            return Ok((found, rest));
        }
        let (child, tail) = element(rest)?;
        found.children.push(child);
        rest = tail;
    }
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').ok_or("a reference has no end")?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let code = name
                    .strip_prefix("#x")
                    .map(|hex| u32::from_str_radix(hex, 16));
                code.and_then(Result::ok)
                    .and_then(char::from_u32)
                    .ok_or_else(|| format!("reference {name}"))?
            }
        });
        out.push_str(rest);
    }
    Ok(out)
}
